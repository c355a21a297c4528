// The input of FFmpeg's demuxer behind a filter.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "media/network/filter/byte_filter.hpp"

namespace freshframe::media {

/// Cannot seek. One thread. It outlives the demuxer, which does not close it.
class FilteredIo {
 public:
  FilteredIo(IoPtr network, std::unique_ptr<ByteFilter> filter);
  FilteredIo(const FilteredIo&) = delete;
  FilteredIo& operator=(const FilteredIo&) = delete;
  ~FilteredIo();

  [[nodiscard]] AVIOContext* io() noexcept { return io_; }
  /// Real time. `place`: as for FilteredBytes.
  [[nodiscard]] std::optional<TimePoint> arrival(std::int64_t place) { return bytes_.arrival(place); }
  /// Calls `add` with what the demuxer reads next.
  template <class Add>
  void put(const Add& add) {
    add(bytes_);
  }
  /// Why the filter has ended the stream; empty: it has not.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  [[nodiscard]] bool is_after_loss(std::int64_t place) { return bytes_.is_after_loss(place); }

 private:
  static int read(void* opaque, std::uint8_t* to, int size) noexcept;
  int read(std::span<std::uint8_t> to);
  void filter(Bytes bytes);

  const IoPtr network_;
  const std::unique_ptr<ByteFilter> filter_;
  FilteredBytes bytes_;
  std::vector<std::uint8_t> buffer_;
  std::string failure_;
  AVIOContext* io_ = nullptr;
};

}  // namespace freshframe::media
