// Blends colors into planes: luma by the mask, subsampled chroma by the mean of the mask.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/canvas.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "core/frame/color_matrix.hpp"
#include "vision/draw/rows.hpp"

namespace freshframe::vision {
namespace {

std::uint8_t level(double value) {
  return static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
}

bool is_packed(PixelFormat format) {
  return format == PixelFormat::Bgr || format == PixelFormat::Rgb;
}

/// Luma, Cb, Cr.
std::array<std::uint8_t, 3> yuv(const Color& color, const PictureFormat& format) {
  const auto k = core::luma_weights(core::choose_matrix(format));
  const auto levels = core::get_levels(format.range);
  const double y = k.red * color.r + k.green * color.g + k.blue * color.b;
  return {level(levels.black + levels.luma * y),
          level(128 + levels.chroma * 0.5 * (color.b - y) / (1 - k.blue)),
          level(128 + levels.chroma * 0.5 * (color.r - y) / (1 - k.red))};
}

void halve(const std::uint8_t* above, const std::uint8_t* below, int count, std::uint8_t* to) {
  for (std::ptrdiff_t x = 0; x < count; ++x) {
    const int sum = above[2 * x] + above[2 * x + 1] + below[2 * x] + below[2 * x + 1];
    to[x] = static_cast<std::uint8_t>((sum + 2) >> 2);
  }
}

}  // namespace

/// The color in the image's format.
struct AnnotateCanvas::Layers {
  std::array<std::uint8_t, 3> levels{};
  int opacity = 256;

  /// The components of a pixel, starting with number `first`.
  [[nodiscard]] Paint from(std::size_t first) const {
    return {{levels[first], levels[std::min<std::size_t>(first + 1, 2)], levels[2]}, opacity};
  }
};

void AnnotateCanvas::begin_picture(const MutablePicture& picture) {
  picture_ = picture;
  const auto& format = picture.format;
  if (format.width != width() || format.height != height()) {
    mask_.resize(format.width, format.height);
    halved_.resize(static_cast<std::size_t>(format.width) / 2 + 1);
  } else {
    mask_.clear();  // in case drawing the previous image failed
  }
}

void AnnotateCanvas::paint(const Color& color, double opacity) {
  const auto format = picture_.format.format;
  Layers layers{.levels = {}, .opacity = static_cast<int>(std::lround(256 * opacity))};
  if (is_packed(format)) {
    layers.levels = {level(255 * color.r), level(255 * color.g), level(255 * color.b)};
    if (format == PixelFormat::Bgr) std::swap(layers.levels[0], layers.levels[2]);
  } else {
    layers.levels = yuv(color, picture_.format);
  }
  paint_plane(0, layers);
  if (format == PixelFormat::I444) {
    paint_plane(1, layers);
    paint_plane(2, layers);
  } else if (!is_packed(format)) {
    paint_halved(layers);
  }
  mask_.clear();
}

void AnnotateCanvas::paint_plane(int plane, const Layers& layers) {
  const int components = is_packed(picture_.format.format) ? 3 : 1;
  const auto paint = layers.from(static_cast<std::size_t>(plane));
  for (int y = mask_.top(); y < mask_.bottom(); ++y) {
    const auto [left, right] = mask_.columns(y);
    mix(paint, components, mask_.row(y) + left, right - left,
        picture_.row(plane, y) + static_cast<std::ptrdiff_t>(components) * left);
  }
}

void AnnotateCanvas::paint_halved(const Layers& layers) {
  const bool interleaved = picture_.format.format == PixelFormat::Nv12;
  const int step = picture_.format.format == PixelFormat::I422 ? 1 : 2;
  for (int y = mask_.top() / step * step; y < mask_.bottom(); y += step) {
    const int next = std::min(y + step - 1, height() - 1);
    const auto above = mask_.columns(y);
    const auto below = mask_.columns(next);
    const int left = (above.empty()   ? below.left
                      : below.empty() ? above.left
                                      : std::min(above.left, below.left)) /
                     2;
    const int count = (std::max(above.right, below.right) + 1) / 2 - left;
    if (count <= 0) continue;
    for (const int each : {y, next}) {  // for an odd width, the last column has its own chroma sample
      std::uint8_t* const mask = mask_.row(each);
      mask[width()] = width() % 2 != 0 ? mask[width() - 1] : std::uint8_t{0};
    }
    halve(mask_.row(y) + 2 * static_cast<std::ptrdiff_t>(left),
          mask_.row(next) + 2 * static_cast<std::ptrdiff_t>(left), count, halved_.data());
    const int chroma_y = y / step;
    if (interleaved) {
      mix(layers.from(1), 2, halved_.data(), count,
          picture_.row(1, chroma_y) + 2 * static_cast<std::ptrdiff_t>(left));
    } else {
      mix(layers.from(1), 1, halved_.data(), count, picture_.row(1, chroma_y) + left);
      mix(layers.from(2), 1, halved_.data(), count, picture_.row(2, chroma_y) + left);
    }
  }
}

}  // namespace freshframe::vision
