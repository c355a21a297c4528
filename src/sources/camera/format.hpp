// Pixel formats of cameras: names, supported formats, and conversion of raw images to Frames.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace freshframe::media {

/// A supported format.
struct V4l2Format {
  std::string_view name;          // the name in options={"format": name}
  std::uint32_t code = 0;         // V4L2_PIX_FMT_*
  std::string_view codec;         // FFmpeg's name
  std::string_view pixel_format;  // FFmpeg's name; empty for compressed formats, where the decoder decides
  int preference = 0;             // the lower one is preferred if size and frame rate are equal
  bool compressed = false;
};

[[nodiscard]] const V4l2Format* readable_format(std::uint32_t code) noexcept;
[[nodiscard]] const V4l2Format* readable_format(std::string_view name) noexcept;
/// Returns all supported names for messages: "mjpeg, nv12, ...".
[[nodiscard]] std::string readable_format_names();
/// Returns the name, or the FourCC of an unsupported format.
[[nodiscard]] std::string camera_format_name(std::uint32_t code);

/// The format that the driver has set in response to VIDIOC_S_FMT.
struct V4l2Picture {
  std::uint32_t code = 0;
  int width = 0;
  int height = 0;
  std::size_t bytes_per_line = 0;  // stride of plane 0
  ColorRange range = ColorRange::Limited;
  ColorSpace space = ColorSpace::Unspecified;
};

/// Size in bytes of a complete raw image; 0 for compressed formats.
[[nodiscard]] std::size_t raw_size(const V4l2Picture& picture);
/// The smallest possible bytes_per_line; 0 for compressed formats.
[[nodiscard]] std::size_t least_bytes_per_line(const V4l2Picture& picture);
/// Copies a raw image out of the driver's buffer, which must be returned immediately (see Note [Copies]).
/// `bytes` must have at least raw_size() bytes.
[[nodiscard]] Frame raw_frame(const V4l2Picture& picture, std::span<const std::uint8_t> bytes);

}  // namespace freshframe::media
