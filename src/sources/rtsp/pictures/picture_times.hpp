// Computes timestamps of images from RTP timestamps, unless these are implausible.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace freshframe::media::rtsp {

/// Some senders use one timestamp for all images, or for all of a second or GOP; others use image numbers or
/// random values. If timestamps repeat, jump, or run much slower or faster than the images arrive, images get
/// no timestamp until 250 in a row are plausible. An image with the timestamp of one of the last 16 images
/// gets none either. Not thread-safe.
class PictureTimes {
 public:
  struct Time {
    std::int64_t ticks = 0;  // never wraps; based on arrivals if not `known`
    bool known = false;      // the timestamp is plausible
  };

  /// `clock`: ticks per second.
  explicit PictureTimes(int clock) : clock_(clock) {}

  /// Computes the time of the next image, in decoding order.
  [[nodiscard]] Time place(std::uint32_t timestamp, TimePoint arrived);
  /// Converts another timestamp near that of the last image. Returns nullopt if timestamps are implausible.
  [[nodiscard]] std::optional<std::int64_t> find(std::uint32_t timestamp) const;
  [[nodiscard]] bool has_begun() const noexcept { return begun_; }
  /// Returns true if timestamps are currently implausible.
  [[nodiscard]] bool are_doubted() const noexcept { return doubted_; }

 private:
  static constexpr std::size_t kRecent = 16;         // more images than codecs reorder
  static constexpr std::uint64_t kOdd = 0xFFFFFFFF;  // the bits of 32 images

  struct Span {
    TimePoint began{};
    TimePoint judged{};
    std::int64_t ticks = 0;    // before the span
    std::int64_t highest = 0;  // in the span
    int images = 0;            // number of images since the last check
  };

  [[nodiscard]] bool repeats(std::uint32_t timestamp) const noexcept;
  [[nodiscard]] bool jumps(std::int64_t step, TimePoint arrived) const noexcept;
  void judge(bool odd, TimePoint arrived);
  void judge_pace(TimePoint arrived);
  void begin_span(TimePoint arrived);

  const double clock_;
  bool begun_ = false;
  bool doubted_ = false;
  std::uint32_t timestamp_ = 0;  // RTP timestamp of the last image
  std::int64_t ticks_ = 0;       // the same without wraps
  std::int64_t placed_ = 0;      // ticks that place() has returned
  TimePoint arrived_{};
  std::array<std::optional<std::uint32_t>, kRecent> recent_{};
  std::size_t next_ = 0;
  std::uint64_t odd_ = 0;  // one bit per image: whether its timestamp was implausible
  int plausible_ = 0;      // images in a row
  int jumps_ = 0;          // number of jumps since the last kEnough plausible images
  int odd_spans_ = 0;      // in a row
  Span span_;
};

}  // namespace freshframe::media::rtsp
