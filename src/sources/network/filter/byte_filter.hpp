// Changes a stream's bytes before FFmpeg's demuxer reads them, so that it detects the end of a frame
// immediately.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "media/units/unit_facts.hpp"

namespace freshframe::media {

/// Output of a filter on its way to FFmpeg's demuxer, with the arrival time of each frame's first byte, and
/// whether it follows a loss. Not thread-safe.
class FilteredBytes {
 public:
  void append(Bytes bytes) { waiting_.insert(waiting_.end(), bytes.begin(), bytes.end()); }
  /// Marks the next byte as the start of a frame. `after_loss`: frames before it are lost.
  void begin_picture(TimePoint arrived, bool after_loss = false);

  [[nodiscard]] bool empty() const noexcept { return waiting_.size() == taken_; }
  /// Moves the next bytes to `to`. Returns their number.
  std::size_t take(std::span<std::uint8_t> to);
  /// Returns the arrival of the frame that starts at this byte offset, or nullopt if none does. Offsets must
  /// not decrease: earlier frames are forgotten.
  [[nodiscard]] std::optional<TimePoint> arrival(std::int64_t place);
  /// Returns true if frames before this one are lost. Offsets must not decrease, as for arrival().
  [[nodiscard]] bool seek_loss(std::int64_t place);

 private:
  static constexpr std::size_t kMostPictures = 4096;

  struct Picture {
    std::int64_t place = 0;
    TimePoint arrived{};
    bool after_loss = false;
  };

  [[nodiscard]] const Picture* find(std::int64_t place);

  std::vector<std::uint8_t> waiting_;
  std::size_t taken_ = 0;    // bytes consumed at the start of waiting_
  std::int64_t before_ = 0;  // offset of the first byte of waiting_
  std::deque<Picture> pictures_;
};

/// Does no I/O. Not thread-safe.
class ByteFilter {
 public:
  ByteFilter() = default;
  ByteFilter(const ByteFilter&) = delete;
  ByteFilter& operator=(const ByteFilter&) = delete;
  virtual ~ByteFilter() = default;

  /// Takes bytes from the network, and appends to `out` what the demuxer may read now. Throws Error if the
  /// stream cannot continue.
  virtual void add(Bytes bytes, TimePoint arrived, FilteredBytes& out) = 0;
  /// Call at the end of the stream: appends what was held back to `out`.
  virtual void finish(FilteredBytes& out) = 0;
  /// Returns true if the stream continues with parameters other than those the demuxer has read, and must end
  /// here.
  [[nodiscard]] virtual bool has_ended() const noexcept { return false; }
};

}  // namespace freshframe::media
