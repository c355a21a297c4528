// The conversions behind pixel_ops(). Sizes must match.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/frame/color_matrix.hpp"

namespace freshframe::media {

[[nodiscard]] constexpr bool is_packed_rgb(PixelFormat format) noexcept {
  return format == PixelFormat::Bgr || format == PixelFormat::Rgb;
}

/// How a gray or YUV format stores chroma. Halved and Interleaved have one sample for two columns.
enum class ChromaLayout : std::uint8_t { None, Full, Halved, Interleaved };

/// Calls `convert` with the format's layout as a std::integral_constant, so that each layout is compiled
/// separately.
template <class Convert>
void with_chroma_layout(PixelFormat format, const Convert& convert) {
  switch (format) {
    case PixelFormat::Gray:
      return convert(std::integral_constant<ChromaLayout, ChromaLayout::None>{});
    case PixelFormat::I444:
      return convert(std::integral_constant<ChromaLayout, ChromaLayout::Full>{});
    case PixelFormat::Nv12:
      return convert(std::integral_constant<ChromaLayout, ChromaLayout::Interleaved>{});
    default:
      return convert(std::integral_constant<ChromaLayout, ChromaLayout::Halved>{});
  }
}

/// Returns true if two luma rows share one chroma row.
[[nodiscard]] constexpr bool has_half_chroma_rows(PixelFormat format) noexcept {
  return format == PixelFormat::I420 || format == PixelFormat::Nv12;
}

[[nodiscard]] inline const Plane& view_plane(const Picture& picture, int plane) noexcept {
  return picture.planes[static_cast<std::size_t>(plane)];
}

/// Converts gray or YUV to bgr or rgb, with values 0..255 for any range of `from`.
void yuv_to_rgb(const Picture& from, const MutablePicture& to);
/// Converts bgr or rgb to gray or YUV, with the range and matrix of `to`.
void rgb_to_yuv(const Picture& from, const MutablePicture& to);
/// Converts between gray and YUV layouts: copies luma, resamples chroma. Ranges and matrices must be equal.
void yuv_to_yuv(const Picture& from, const MutablePicture& to);

}  // namespace freshframe::media
