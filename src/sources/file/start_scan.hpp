// Finds the place where decoding must begin so that the frames from a time on are the same as in the whole file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "sources/file/demuxer.hpp"

namespace freshframe::media {

/// A keyframe before the wanted time, and the packets that were read after it.
struct StartPoint {
  std::deque<AvPacketPtr> packets;  // the keyframe first, in decoding order
  std::vector<std::int64_t> times;  // pts of their frames, in ticks, ascending
  std::int64_t end = 0;             // ticks at which the frame of the latest time ends, as its packet says
  std::int64_t frames_before = 0;   // frames of the file that are decoded before the keyframe

  /// The frame's number in the file; nullopt means no packet has this time.
  [[nodiscard]] std::optional<std::int64_t> find_number(std::int64_t ticks) const;
  /// The first frame at or after `ticks`; nullopt means that no frame follows.
  [[nodiscard]] std::optional<std::int64_t> first_from(std::int64_t ticks) const;
  /// The last frame at or before `ticks`; nullopt means that no frame precedes.
  [[nodiscard]] std::optional<std::int64_t> last_until(std::int64_t ticks) const;
};

/// Reads packets without decoding them, from the present position of `demuxer`: the beginning of the file, or
/// a keyframe after Demuxer::jump(). nullopt means the packets do not determine their frames (times are
/// missing or jump, fields are coded separately, the beginning is cut off, the codec is not known to follow
/// the rules). Then the whole file must be decoded from its beginning. Throws the exceptions of
/// Demuxer::next(); SourceError after a stop.
[[nodiscard]] std::optional<StartPoint> find_start(Demuxer& demuxer, std::int64_t ticks, bool jumped);

}  // namespace freshframe::media
