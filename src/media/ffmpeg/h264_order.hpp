// What H.264's own header says of the order of frames.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace freshframe::media {

/// How many frames a decoder has to hold back to show them in their order, by `avcc`, the configuration record
/// of a container (ISO/IEC 14496-15, 5.3.3.1). Nothing where the record does not say it, is damaged, or says
/// that pictures may be fields: FFmpeg then learns the number from the frames themselves.
[[nodiscard]] std::optional<int> h264_reordered_frames(std::span<const std::uint8_t> avcc);

}  // namespace freshframe::media
