// When the first picture of a playlist was taken, by the server's clock.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// FFmpeg's demuxer does not tell EXT-X-PROGRAM-DATE-TIME. So the playlist is read once more, when it has
/// been opened: one request for each connection, two where a playlist lists others. `opened`: the URLs that
/// the demuxer has opened, of which the first is the playlist. Later segments have later times of the stream,
/// so the first one is enough. nullopt: the playlist has no times, or could not be read.
[[nodiscard]] std::optional<double> first_program_time(const std::vector<std::string>& opened,
                                                       const std::map<std::string, std::string>& options,
                                                       const AVIOInterruptCB& interrupt);

/// The Unix time of a stream's pictures, from that of its first one. One thread.
class ProgramTime {
 public:
  /// `first`: Unix time of the next packet that has a time.
  void begin(std::optional<double> first) noexcept { first_ = first; }
  /// Of a packet with this time of the stream, in seconds and in the order of decoding.
  [[nodiscard]] std::optional<double> at(double time) noexcept;

 private:
  std::optional<double> first_;
  std::optional<double> offset_;
  double last_ = 0;
};

}  // namespace freshframe::media
