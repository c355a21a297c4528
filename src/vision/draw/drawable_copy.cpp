// A copy of a frame that can be drawn on.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/drawable_copy.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace freshframe::vision {

FrameBuilder drawable_copy(const Frame& frame) {
  constexpr int kNeutral = 128;  // chroma without a colour
  const Picture from = frame.picture();
  const bool gray = from.format.format == PixelFormat::Gray;
  PictureFormat format = from.format;
  if (gray) format.format = PixelFormat::I420;
  FrameBuilder copy(format);
  const Picture to = copy.picture();
  for (int i = 0; i < to.format.plane_count(); ++i) {
    const Plane& target = to.planes[static_cast<std::size_t>(i)];
    const auto size = static_cast<std::size_t>(target.row_bytes);
    for (int y = 0; y < target.rows; ++y) {
      std::uint8_t* const row = copy.plane(i) + y * copy.stride(i);
      if (gray && i > 0) {
        std::memset(row, kNeutral, size);
      } else {
        std::memcpy(row, from.planes[static_cast<std::size_t>(i)].row(y), size);
      }
    }
  }
  return copy;
}

}  // namespace freshframe::vision
