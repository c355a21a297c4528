// Adapts the moov box (ISO/IEC 14496-12) from the start of an MP4 to the complete file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Durations of the video in ticks.
struct MoovTimes {
  std::int64_t described = 0;  // duration of the packets that the given box describes
  std::int64_t whole = 0;
  AVRational time_base{};
};

/// A `moov` box without its tables.
struct OpenMoov {
  std::vector<std::uint8_t> bytes;
  std::size_t tables_at = 0;  // offset at which the tables must be inserted
};

/// Returns the box with the durations of the whole video, and sizes that count `tables_bytes` bytes of
/// tables. `moov`: one that FFmpeg has written for one track. Throws Error if it has another structure.
[[nodiscard]] OpenMoov open_moov(const std::vector<std::uint8_t>& moov, const MoovTimes& times,
                                 std::uint64_t tables_bytes);

}  // namespace freshframe::media
