// The times of images by RTP's timestamps, as long as these can be times.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace freshframe::media::rtsp {

/// There are senders with one timestamp for all images, for all of a second or of a group of pictures, with numbers
/// of images in place of ticks, and with random ones. Where timestamps repeat, jump, or run much slower or faster
/// than the images arrive, the images have no times, until 250 in a row are plausible. An image whose timestamp
/// one of the last 16 images had has no time either. Not thread-safe.
class PictureTimes {
 public:
  struct Time {
    std::int64_t ticks = 0;  // never wraps. Without a time: by the arrivals
    bool known = false;      // the timestamp is a time
  };

  /// `clock`: ticks per second.
  explicit PictureTimes(int clock) : clock_(clock) {}

  /// The time of the next image, in the order of decoding.
  [[nodiscard]] Time place(std::uint32_t timestamp, TimePoint arrived);
  /// The ticks of another timestamp near that of the last image. Returns nullopt if images have no times.
  [[nodiscard]] std::optional<std::int64_t> find(std::uint32_t timestamp) const;
  [[nodiscard]] bool has_begun() const noexcept { return begun_; }
  /// Whether the timestamps are no times now.
  [[nodiscard]] bool are_doubted() const noexcept { return doubted_; }

 private:
  static constexpr std::size_t kRecent = 16;         // more images than are reordered
  static constexpr std::uint64_t kOdd = 0xFFFFFFFF;  // the bits of 32 images

  struct Span {
    TimePoint began{};
    TimePoint judged{};
    std::int64_t ticks = 0;    // the highest before it
    std::int64_t highest = 0;  // so far
    int images = 0;            // since it was judged
  };

  [[nodiscard]] bool repeats(std::uint32_t timestamp) const noexcept;
  [[nodiscard]] bool jumps(std::int64_t step, TimePoint arrived) const noexcept;
  void judge(bool odd, TimePoint arrived);
  void judge_pace(TimePoint arrived);
  void begin_span(TimePoint arrived);

  const double clock_;
  bool begun_ = false;
  bool doubted_ = false;
  std::uint32_t timestamp_ = 0;  // of the last image
  std::int64_t ticks_ = 0;       // the same, without wraps
  std::int64_t placed_ = 0;      // ticks that place() has returned
  TimePoint arrived_{};
  std::array<std::optional<std::uint32_t>, kRecent> recent_{};
  std::size_t next_ = 0;
  std::uint64_t odd_ = 0;  // a bit for each of the last images that was odd
  int plausible_ = 0;      // images in a row
  int jumps_ = 0;          // since as many plausible ones as are enough
  int odd_spans_ = 0;      // in a row
  Span span_;
};

}  // namespace freshframe::media::rtsp
