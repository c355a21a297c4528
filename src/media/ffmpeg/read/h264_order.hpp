// The order of frames and the shape of pixels from H.264's own header.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace freshframe::media {

// How many pictures a decoder may hold back.

/// To give them in the order of their times; no codec has more. It is the largest decoded picture buffer of
/// H.264 (Rec. ITU-T H.264, A.3.1) and HEVC (H.265, A.4.2).
inline constexpr int kMostReordered = 16;

/// The number of frames that a decoder has to hold back to return them in display order, from `avcc`, the
/// configuration record of a container (ISO/IEC 14496-15, 5.3.3.1), or parameter sets with start codes. Nothing
/// if they do not contain it, is damaged, or allows fields: FFmpeg then derives the number from the frames themselves.
[[nodiscard]] std::optional<int> h264_reordered_frames(std::span<const std::uint8_t> avcc);

/// Width to height of a pixel (table E-1).
struct PixelAspect {
  int width = 1;
  int height = 1;
};

/// From the same bytes. Nothing if they do not say it, or are damaged.
[[nodiscard]] std::optional<PixelAspect> h264_pixel_aspect(std::span<const std::uint8_t> avcc);

}  // namespace freshframe::media
