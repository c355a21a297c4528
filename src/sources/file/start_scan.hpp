// Finds where to start decoding so that frames from a given time on match those of the whole file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "sources/file/demuxer.hpp"

namespace freshframe::media {

/// A keyframe before the requested time, and the packets read after it.
struct StartPoint {
  std::deque<AvPacketPtr> packets;  // the keyframe first, in decoding order
  std::vector<std::int64_t> times;  // pts of their frames in ticks, ascending
  std::int64_t end = 0;             // end of the last frame in ticks, from its packet's duration
  std::int64_t frames_before = 0;   // frames decoded before the keyframe, counted from the start of the file

  /// Returns the frame's number in the file, or nullopt if no packet has this timestamp.
  [[nodiscard]] std::optional<std::int64_t> find_number(std::int64_t ticks) const;
  /// Returns the first frame at or after `ticks`, or nullopt.
  [[nodiscard]] std::optional<std::int64_t> first_from(std::int64_t ticks) const;
  /// Returns the last frame at or before `ticks`, or nullopt.
  [[nodiscard]] std::optional<std::int64_t> last_until(std::int64_t ticks) const;
};

/// Reads packets without decoding, from the current position of `demuxer`: the start of the file, or a
/// keyframe after Demuxer::jump(). Returns nullopt if packets do not determine their frames: timestamps are
/// missing or jump, fields are coded separately, the start is cut off, or the codec is not known to be
/// reliable. The whole file must then be decoded. Throws what Demuxer::next() throws; SourceError after a
/// stop.
[[nodiscard]] std::optional<StartPoint> find_start(Demuxer& demuxer, std::int64_t ticks, bool jumped);

}  // namespace freshframe::media
