// Validates regions of interest, and creates views of them in the memory of the whole image.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/region.hpp"

#include "freshframe/error.hpp"

#include <cstddef>
#include <string>

#include "core/frame/color_matrix.hpp"

namespace freshframe {
namespace {

std::string describe_region(const Region& region) {
  return "(" + std::to_string(region.x0) + ", " + std::to_string(region.y0) + ", " +
         std::to_string(region.x1) + ", " + std::to_string(region.y1) + ")";
}

bool shares_columns(PixelFormat format) {
  return format == PixelFormat::Nv12 || format == PixelFormat::I420 || format == PixelFormat::I422;
}

bool shares_rows(PixelFormat format) {
  return format == PixelFormat::Nv12 || format == PixelFormat::I420;
}

}  // namespace

void check_region(const Region& region) {
  if (region == Region{0, 0, 1, 1}) {
    throw OptionError(
        "roi (0, 0, 1, 1) is a single pixel: roi is in pixels of the frame, not in fractions of its width and height");
  }
  if (region.x0 >= 0 && region.y0 >= 0 && region.x1 > region.x0 && region.y1 > region.y0) return;
  throw OptionError("roi must be (x0, y0, x1, y1) in pixels with 0 <= x0 < x1 and 0 <= y0 < y1, got " +
                    describe_region(region));
}

void check_region(const Region& region, int width, int height) {
  check_region(region);
  if (region.x1 <= width && region.y1 <= height) return;
  throw OptionError("roi " + describe_region(region) + " is outside the frame, which has " +
                    std::to_string(width) + "x" + std::to_string(height) + " pixels: x1 may be at most " +
                    std::to_string(width) + " and y1 at most " + std::to_string(height));
}

Plane view_part(const Plane& luma, const Region& region) {
  check_region(region, luma.row_bytes, luma.rows);
  return {luma.row(region.y0) + region.x0, region.y1 - region.y0, region.x1 - region.x0, luma.stride};
}

FramePart view_part(const Frame& frame, const Region& region) {
  check_region(region, frame.width(), frame.height());
  const auto whole = frame.picture();
  const auto format = frame.format();
  const int x = shares_columns(format) ? region.x0 / 2 * 2 : region.x0;
  const int y = shares_rows(format) ? region.y0 / 2 * 2 : region.y0;
  Picture part = whole;
  part.format.width = region.x1 - x;
  part.format.height = region.y1 - y;
  part.format.space = core::choose_matrix(whole.format);  // the matrix depends on the whole image's height
  std::size_t bytes = 0;
  for (int i = 0; i < part.format.plane_count(); ++i) {
    const auto& from = whole.planes[static_cast<std::size_t>(i)];
    auto& to = part.planes[static_cast<std::size_t>(i)];
    const auto shape = part.format.plane_shape(i);
    // The offset in a row equals the row size of an image that is as wide as the part's left edge.
    auto left = part.format;
    left.width = x;
    left.height = y;
    const auto before = left.plane_shape(i);
    to = {from.row(before.rows) + before.row_bytes, shape.rows, shape.row_bytes, from.stride};
    bytes += static_cast<std::size_t>(shape.rows) * static_cast<std::size_t>(shape.row_bytes);
  }
  return {Frame::wrap(part, bytes, [frame] { static_cast<void>(frame); }, frame.ops()), x, y};
}

}  // namespace freshframe
