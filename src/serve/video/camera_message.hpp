// The messages of a page that sends its camera, and their limits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/watch/feed.hpp"

namespace freshframe::serve {

/// Why a message is refused. Fits into the reason of a close frame (123 bytes).
struct CameraFault {
  const char* reason = "";
};

inline constexpr std::size_t kMaxCameraFrame = 2U << 20U;  // maximum bytes of a message with its head
inline constexpr std::size_t kMaxCameraText = 8192;        // bytes
inline constexpr double kMaxCameraDelay = 30;              // seconds

/// One encoded frame. The body is a view into the message.
struct CameraFrame {
  std::uint32_t number = 0;   // increases; a gap means lost frames
  std::uint32_t skipped = 0;  // frames of the camera that were not sent, in total
  double error = 0;           // largest error of `captured`, in seconds
  double pts = 0;             // seconds
  double captured = 0;        // Unix time by this machine's clock, as computed by the page
  std::string_view body = {};
};

[[nodiscard]] std::variant<CameraFrame, CameraFault> parse_camera_frame(std::string_view message);

/// Returns the Unix time at which a frame was captured. A page may state any time: the result is at most
/// `arrived` and at least kMaxCameraDelay earlier.
[[nodiscard]] double clamp_capture(double stated, double arrived) noexcept;

/// A page that wants to send a camera.
struct CameraWish {
  std::string camera = {};
  std::string client = {};  // random, the same after a reload of the page
  bool take = false;        // replaces the page that is sending
};

/// Describes the frames that follow.
struct CameraDeclaration {
  core::FeedCamera feed = {};
  std::string label = {};    // name of the camera, as shown to people
  std::string stamped = {};  // what provides the capture times
};

/// State of the page, with a sentence to show to people.
struct CameraState {
  std::string state = {};
  std::string message = {};
};

/// A message contains either a token, a wish or a declaration, or any of the other members.
struct CameraRequest {
  std::optional<std::string> token = {};
  std::optional<CameraWish> send = {};
  std::optional<CameraDeclaration> camera = {};
  std::optional<double> time = {};  // the page's own clock, echoed
  std::optional<CameraState> state = {};
  std::optional<bool> hidden = {};
  std::optional<SenderStats> report = {};  // what only the page knows; the other members are empty
};

[[nodiscard]] std::variant<CameraRequest, CameraFault> parse_camera_request(std::string_view text);

/// The bits per second at which a page may encode at most: 2.5 Mbit/s for 1280x720 at 30 frames per second.
[[nodiscard]] double most_bitrate(int width, int height, double fps) noexcept;

/// How many frames and bytes a page may send, whatever it claims its camera to be. Counts over two seconds,
/// because frames arrive in bursts when a link was interrupted.
class FrameAllowance {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `wanted`: the frame rate that the source asked for.
  void declare(const core::FeedCamera& camera, std::optional<double> wanted) noexcept;
  /// Counts a frame. Returns false if there were too many, or too many bytes.
  [[nodiscard]] bool count(std::size_t size, Time now) noexcept;

 private:
  static constexpr double kSpan = 2;    // seconds
  static constexpr double kBurst = 16;  // frames that a page may have in flight

  double frames_ = 0;
  double bytes_ = 0;
  Time since_{};
  double counted_ = 0;
  double counted_bytes_ = 0;
};

}  // namespace freshframe::serve
