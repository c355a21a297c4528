// Finds where decoding must begin so that the frames from a time on are those of the whole file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "media/file/demuxer.hpp"

namespace freshframe::media {

/// A key frame before the wanted time, and what has been read of the file since.
struct StartPoint {
  std::deque<AvPacketPtr> packets;  // the key frame first, in decoding order
  std::vector<std::int64_t> times;  // pts of their frames, in ticks, ascending
  std::int64_t frames_before = 0;   // frames of the file that are decoded before the key frame

  /// The number that the frame has in the file; nullopt: no packet has this time.
  [[nodiscard]] std::optional<std::int64_t> number_of(std::int64_t ticks) const;
  /// The first frame at or after `ticks`; nullopt: there is none.
  [[nodiscard]] std::optional<std::int64_t> first_from(std::int64_t ticks) const;
  /// The last frame at or before `ticks`; nullopt: there is none.
  [[nodiscard]] std::optional<std::int64_t> last_until(std::int64_t ticks) const;
};

/// Reads packets, decodes none, from where `demuxer` stands: the beginning of the file, or a key frame after
/// Demuxer::jump(). nullopt: the packets do not tell which frames they hold (times are missing or jump,
/// fields are coded apart, the beginning is cut off, the codec is not known to keep the rules); only decoding
/// the whole file from its beginning tells. Throws what Demuxer::next() throws; SourceError after a stop.
[[nodiscard]] std::optional<StartPoint> find_start(Demuxer& demuxer, std::int64_t ticks, bool jumped);

}  // namespace freshframe::media
