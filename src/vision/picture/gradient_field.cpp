// Memory of the gradient field and its sub-pixel edge positions.
// SPDX-License-Identifier: Apache-2.0
#include "vision/picture/gradient_field.hpp"

#include <algorithm>
#include <cstring>

namespace freshframe::vision {

void GradientField::resize(int width, int height) {
  if (width == width_ && height == height_) return;
  width_ = width;
  height_ = height;
  stride_ = (width + kMargin - 1) / kMargin * kMargin + kMargin;
  per_stride_ = 1.0 / stride_;
  const std::size_t pixels = static_cast<std::size_t>(stride_) * static_cast<std::size_t>(height);
  const std::size_t elements = pixels + 2 * std::size_t{kMargin};
  smoothed_.assign(elements, 0);
  gradients_.assign(elements, {});
  flags_.assign(elements, 0);
  scratch_.assign(static_cast<std::size_t>(stride_) * 7 + 2 * std::size_t{kMargin}, 0);
}

void GradientField::compute(const Plane& luma) {
  resize(luma.row_bytes, luma.rows);
  compute_gradient_rows(luma, {.width = width_,
                               .height = height_,
                               .stride = stride_,
                               .smoothed = smoothed_.data() + kMargin,
                               .gradients = gradients_.data() + kMargin,
                               .flags = flags_.data() + kMargin,
                               .scratch = scratch_.data() + kMargin});
}

// Clears runs of cells, because most cells are not wanted.
void GradientField::keep_edges(const CellMask& cells, int cell) noexcept {
  for (int row = 0; row * cell < height_; ++row) {
    const std::uint8_t* wanted = cells.row(row);
    const std::uint8_t* end = wanted + cells.columns();
    const int last = std::min(height_, (row + 1) * cell);
    for (const std::uint8_t* from = std::find(wanted, end, 0); from != end;) {
      const std::uint8_t* to = std::find(from, end, 1);
      const auto length = static_cast<std::size_t>(to - from) * static_cast<std::size_t>(cell);
      for (int y = row * cell; y < last; ++y) {
        std::memset(&flags_[at(y * stride_ + static_cast<int>(from - wanted) * cell)], 0, length);
      }
      from = std::find(to, end, 0);
    }
  }
}

EdgePoint GradientField::locate(int pixel) const noexcept {
  const Gradient gradient = this->gradient(pixel);
  const bool horizontal = std::abs(int{gradient.x}) >= std::abs(int{gradient.y});
  const int step = horizontal ? 1 : stride_;
  const int before = magnitude(pixel - step);
  const int after = magnitude(pixel + step);
  const int curvature = before + after - 2 * gradient.magnitude();
  float shift = 0;
  if (curvature < 0) {
    shift =
        std::clamp(0.5F * static_cast<float>(before - after) / static_cast<float>(curvature), -0.5F, 0.5F);
  }
  // Multiplies instead of dividing. The result is exact, because adding 0.5 keeps the value away from whole
  // numbers.
  const int row = static_cast<int>((double(pixel) + 0.5) * per_stride_);
  const int column = pixel - row * stride_;
  const auto x = static_cast<float>(column);
  const auto y = static_cast<float>(row);
  return {horizontal ? x + shift : x, horizontal ? y : y + shift, pixel};
}

}  // namespace freshframe::vision
