// When the first picture of a playlist was taken, by the server's clock.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

namespace freshframe::media {

/// The Unix time of a stream's pictures, from that of its first one: FFmpeg's demuxer does not tell
/// EXT-X-PROGRAM-DATE-TIME. Later segments have later times of the stream, so the first one is enough. One
/// thread.
class ProgramTime {
 public:
  /// `first`: Unix time of the next packet that has a time.
  void begin(std::optional<double> first) noexcept { first_ = first; }
  /// The wall time of a packet with this time of the stream, in seconds and in the order of decoding.
  [[nodiscard]] std::optional<double> at(double time) noexcept;

 private:
  std::optional<double> first_;
  std::optional<double> offset_;
  double last_ = 0;
};

}  // namespace freshframe::media
