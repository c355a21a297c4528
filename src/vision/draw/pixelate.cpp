// Plane by plane, in squares of the same place in each.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/pixelate.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace freshframe::vision {
namespace {

constexpr int kAcross = 3;     // squares: with eight, large letters can still be read
constexpr int kLeastSide = 8;  // pixels of a square
constexpr int kEven = 2;       // of a chroma sample, at most

// One plane: pixels of the picture per sample, and the bytes of a sample.
struct PlaneLayout {
  int step_x = 1;
  int step_y = 1;
  int bytes = 1;
};

PlaneLayout layout_of(const PictureFormat& format, int plane) {
  const auto of = format.format;
  if (of == PixelFormat::Bgr || of == PixelFormat::Rgb) return {1, 1, 3};
  if (plane == 0 || of == PixelFormat::I444) return {};
  return {2, of == PixelFormat::I422 ? 1 : 2, of == PixelFormat::Nv12 ? 2 : 1};
}

struct Square {
  int left = 0;  // pixels of the picture
  int top = 0;
  int right = 0;
  int bottom = 0;
};

// Calls visit(x, y) for each sample of a plane within the square; x and y count samples.
template <class Visit>
void each_sample(const Square& square, const PlaneLayout& layout, const ObjectMask* mask,
                 const Visit& visit) {
  for (int y = square.top / layout.step_y; y * layout.step_y < square.bottom; ++y) {
    for (int x = square.left / layout.step_x; x * layout.step_x < square.right; ++x) {
      if (mask == nullptr || mask->covers(x * layout.step_x, y * layout.step_y)) visit(x, y);
    }
  }
}

void flatten(const MutablePicture& picture, int plane, const Square& square, const ObjectMask* mask) {
  const auto layout = layout_of(picture.format, plane);
  for (int byte = 0; byte < layout.bytes; ++byte) {
    const auto at = [&](int x, int y) -> std::uint8_t& {
      return picture.row(plane, y)[static_cast<std::ptrdiff_t>(x) * layout.bytes + byte];
    };
    int sum = 0;
    int count = 0;
    each_sample(square, layout, mask, [&](int x, int y) {
      sum += at(x, y);
      ++count;
    });
    if (count == 0) continue;
    const auto mean = static_cast<std::uint8_t>((sum + count / 2) / count);
    each_sample(square, layout, mask, [&](int x, int y) { at(x, y) = mean; });
  }
}

}  // namespace

void pixelate(const MutablePicture& picture, const Box& area, const ObjectMask* mask) {
  const auto& format = picture.format;
  const auto within = [](double place, int end) {
    return static_cast<int>(std::clamp(place, 0.0, static_cast<double>(end)));
  };
  if (std::isnan(area.left) || std::isnan(area.right) || std::isnan(area.top) || std::isnan(area.bottom))
    return;
  // Even places, so that squares of luma and chroma are the same.
  const int left = within(std::floor(area.left), format.width) / kEven * kEven;
  const int top = within(std::floor(area.top), format.height) / kEven * kEven;
  const int right = within(std::ceil(area.right), format.width);
  const int bottom = within(std::ceil(area.bottom), format.height);
  // The size of the whole box, also where the picture cuts it off.
  const double whole = std::min({area.right - area.left, area.bottom - area.top,
                                 static_cast<double>(std::max(format.width, format.height))});
  const int side = std::max(kLeastSide, static_cast<int>(std::ceil(whole / (kAcross * kEven))) * kEven);
  for (int y = top; y < bottom; y += side) {
    for (int x = left; x < right; x += side) {
      const Square square{x, y, std::min(x + side, right), std::min(y + side, bottom)};
      for (int plane = 0; plane < format.plane_count(); ++plane) flatten(picture, plane, square, mask);
    }
  }
}

}  // namespace freshframe::vision
