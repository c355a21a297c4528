// Changes a stream's bytes before FFmpeg's demuxer reads them, so that it sees a picture's end when that has come.
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

/// The bytes that a filter has made of a stream's, on their way to FFmpeg's demuxer,
/// with the time at which each picture's first byte arrived, and whether it follows a loss. One thread.
class FilteredBytes {
 public:
  void append(Bytes bytes) { waiting_.insert(waiting_.end(), bytes.begin(), bytes.end()); }
  /// A picture begins with the next byte. `after_loss`: pictures before it are lost.
  void begin_picture(TimePoint arrived, bool after_loss = false);

  [[nodiscard]] bool empty() const noexcept { return waiting_.size() == taken_; }
  /// Moves the next bytes; returns how many.
  std::size_t take(std::span<std::uint8_t> to);
  /// The arrival of the picture that begins at this place of all bytes; nullopt means none begins there.
  /// Asked for in order: pictures before it are forgotten.
  [[nodiscard]] std::optional<TimePoint> arrival(std::int64_t place);
  /// Returns whether pictures before that one are lost. Asked for in order, as arrival() is.
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
  std::size_t taken_ = 0;    // bytes at the beginning of waiting_
  std::int64_t before_ = 0;  // place of the first byte of waiting_
  std::deque<Picture> pictures_;
};

/// Does no I/O. One thread.
class ByteFilter {
 public:
  ByteFilter() = default;
  ByteFilter(const ByteFilter&) = delete;
  ByteFilter& operator=(const ByteFilter&) = delete;
  virtual ~ByteFilter() = default;

  /// Takes the next bytes of the network. The part that the demuxer is to read now goes to `out`. Throws Error when
  /// the stream cannot go on.
  virtual void add(Bytes bytes, TimePoint arrived, FilteredBytes& out) = 0;
  /// The stream is over: what was held back goes to `out`.
  virtual void finish(FilteredBytes& out) = 0;
  /// Whether the stream goes on with other parameters than the demuxer has read: it ends here.
  [[nodiscard]] virtual bool has_ended() const noexcept { return false; }
};

}  // namespace freshframe::media
