// Packing of planes.
// SPDX-License-Identifier: Apache-2.0
#include "core/frame/packing.hpp"

#include "freshframe/error.hpp"

#include <cstring>
#include <string>

namespace freshframe::core {

std::size_t packed_size(const PictureFormat& format) {
  const bool half_width = format.format == PixelFormat::Nv12 || format.format == PixelFormat::I420 ||
                          format.format == PixelFormat::I422;
  const bool half_height = format.format == PixelFormat::Nv12 || format.format == PixelFormat::I420;
  if ((half_width && format.width % 2 != 0) || (half_height && format.height % 2 != 0)) {
    throw OptionError("a frame in " + std::string(to_string(format.format)) + " of odd size " +
                      std::to_string(format.width) + "x" + std::to_string(format.height) +
                      " has no single array: use planes, luma or bgr");
  }
  std::size_t bytes = 0;
  for (int i = 0; i < format.plane_count(); ++i) {
    const auto shape = format.plane_shape(i);
    bytes += static_cast<std::size_t>(shape.rows) * static_cast<std::size_t>(shape.row_bytes);
  }
  return bytes;
}

bool lies_packed(const Picture& picture) noexcept {
  const auto* expected = picture.planes[0].data;
  for (int i = 0; i < picture.format.plane_count(); ++i) {
    const auto& plane = picture.planes[static_cast<std::size_t>(i)];
    if (plane.data != expected || (plane.rows > 1 && plane.stride != plane.row_bytes)) return false;
    expected += static_cast<std::ptrdiff_t>(plane.rows) * plane.row_bytes;
  }
  return true;
}

void copy_packed(const Picture& picture, std::uint8_t* to) noexcept {
  for (int i = 0; i < picture.format.plane_count(); ++i) {
    const auto& plane = picture.planes[static_cast<std::size_t>(i)];
    for (int y = 0; y < plane.rows; ++y) {
      std::memcpy(to, plane.row(y), static_cast<std::size_t>(plane.row_bytes));
      to += plane.row_bytes;
    }
  }
}

}  // namespace freshframe::core
