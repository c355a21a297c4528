// Reads the reordering depth, pixel aspect ratio and size from H.264 headers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace freshframe::media {

// How many frames a decoder may hold back.

/// No codec reorders more. This is the largest decoded picture buffer of H.264 (Rec. ITU-T H.264, A.3.1) and
/// HEVC (H.265, A.4.2).
inline constexpr int kMostReordered = 16;

/// Returns how many frames a decoder must hold back to return them in display order, from `avcc`: a
/// configuration record (ISO/IEC 14496-15, 5.3.3.1), or parameter sets with start codes. Returns nullopt if
/// the parameter sets do not contain the number, are damaged, or permit fields: FFmpeg then derives it from
/// the frames.
[[nodiscard]] std::optional<int> h264_reordered_frames(std::span<const std::uint8_t> avcc);

/// Pixel aspect ratio, width to height (table E-1).
struct PixelAspect {
  int width = 1;
  int height = 1;
};

/// Returns the pixel aspect ratio. `avcc`: as for h264_reordered_frames(). Returns nullopt if the parameter
/// sets do not contain the ratio, or are damaged.
[[nodiscard]] std::optional<PixelAspect> h264_pixel_aspect(std::span<const std::uint8_t> avcc);

/// Size of an image in pixels.
struct CodedSize {
  std::int64_t width = 0;
  std::int64_t height = 0;
};

/// Returns the size of the encoded image before cropping, a multiple of 16. `avcc`: as for
/// h264_reordered_frames(). Returns nullopt if there is not exactly one sequence parameter set, or it is
/// damaged.
[[nodiscard]] std::optional<CodedSize> h264_coded_size(std::span<const std::uint8_t> avcc);

}  // namespace freshframe::media
