// The messages of /api/video in both directions (docs/reference/video-messages.md).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::serve {

/// A message for all viewers of a port. Immutable.
struct VideoMessage {
  enum class Kind : std::uint8_t { Start = 1, Picture = 2, Results = 3, Jpeg = 4, Gone = 5 };
  static constexpr unsigned kKey = 1;
  static constexpr unsigned kDamaged = 2;
  static constexpr unsigned kGap = 4;
  static constexpr unsigned kLate = 8;

  Kind kind = Kind::Picture;
  unsigned flags = 0;
  double pts = 0;
  double captured = 0;  // Unix time
  double elapsed = 0;   // seconds from `captured` until a frame arrived here, or a JPEG was sent
  std::size_t sample_size = 0;
  std::string body = {};

  [[nodiscard]] bool is_key() const noexcept { return (flags & kKey) != 0; }
};
using VideoMessageRef = std::shared_ptr<const VideoMessage>;

/// The 32 bytes before a message's body. `flags` are added to the flags of the message.
[[nodiscard]] std::string format_video_head(const VideoMessage& message, std::uint16_t view,
                                            std::uint64_t left_out, unsigned flags);

/// One view that a page requests.
struct WatchWish {
  enum class Mode : std::uint8_t { Auto, Video, Jpeg };
  std::uint16_t id = 0;
  std::string port = {};
  Mode mode = Mode::Auto;
  int width = 960;  // pixels that the page can show; JPEG only

  /// Returns true if an open view can continue when the page requests `other`.
  [[nodiscard]] bool is_same_view(const WatchWish& other) const {
    return id == other.id && port == other.port && mode == other.mode;
  }
};

struct VideoRequest {
  enum class Kind : std::uint8_t { Token, Watch, Ack };
  Kind kind = Kind::Ack;
  std::string token = {};
  std::vector<WatchWish> watch = {};
  std::map<std::uint16_t, double> acks = {};  // pts by view
  std::optional<double> time = {};            // the page's own clock, echoed
};

inline constexpr std::size_t kMaxVideoRequest = 8192;  // bytes
inline constexpr std::size_t kMaxWatched = 64;         // views per page

/// Returns nullopt if it is not a valid message.
[[nodiscard]] std::optional<VideoRequest> parse_video_request(std::string_view text);

}  // namespace freshframe::serve
