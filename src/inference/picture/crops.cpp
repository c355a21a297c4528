// Crops are scaled by the letterbox code, without bars.
// SPDX-License-Identifier: Apache-2.0
#include "inference/picture/crops.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "inference/picture/letterbox.hpp"

namespace freshframe::inference {
namespace {

constexpr int kColours = 3;
constexpr float kOneLevel = 1.0F / 255;
constexpr float kHalf = 0.5F;

struct Cut {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
};

std::optional<Cut> compute_cut(const Detection& box, double padding, int width, int height) {
  const double wide = padding * (double{box.x2} - box.x1);
  const double high = padding * (double{box.y2} - box.y1);
  if (!std::isfinite(wide) || !std::isfinite(high)) return std::nullopt;
  const auto within = [](double place, int end) {
    return static_cast<int>(std::clamp(place, 0.0, static_cast<double>(end)));
  };
  const int left = within(std::floor(box.x1 - wide), width);
  const int top = within(std::floor(box.y1 - high), height);
  const int right = within(std::ceil(box.x2 + wide), width);
  const int bottom = within(std::ceil(box.y2 + high), height);
  if (left >= right || top >= bottom) return std::nullopt;
  return Cut{left, top, right - left, bottom - top};
}

}  // namespace

void crop_boxes(const Frame& bgr, std::span<const Detection> boxes, const CropForm& form, std::uint8_t* out) {
  Letterbox scale(InputForm{.width = form.width,
                            .height = form.height,
                            .fit = Fit::Stretch,
                            .blue_first = true,
                            .deviation = {kOneLevel, kOneLevel, kOneLevel}});
  std::vector<float> planes(scale.floats());
  const std::size_t pixels = static_cast<std::size_t>(form.width) * static_cast<std::size_t>(form.height);
  for (const auto& box : boxes) {
    const auto cut = compute_cut(box, form.padding, bgr.width(), bgr.height());
    if (cut) {
      Picture part{.format = bgr.picture_format(), .planes = {bgr.planes()[0]}};
      part.format.width = cut->width;
      part.format.height = cut->height;
      auto& plane = part.planes[0];
      plane.data += cut->top * plane.stride + kColours * static_cast<std::ptrdiff_t>(cut->left);
      plane.rows = cut->height;
      plane.row_bytes = kColours * cut->width;
      scale.fill(part, planes.data());
      for (std::size_t i = 0; i < pixels; ++i) {
        for (std::size_t c = 0; c < kColours; ++c) {
          const float level = planes[c * pixels + i] + kHalf;  // lround() cannot be vectorized
          out[kColours * i + c] = static_cast<std::uint8_t>(level);
        }
      }
    } else {
      std::fill_n(out, kColours * pixels, std::uint8_t{0});
    }
    out += kColours * pixels;
  }
}

}  // namespace freshframe::inference
