// Records the columns of each row in which a shape was drawn.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/mask.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace freshframe::vision {

void AnnotateMask::resize(int width, int height) {
  width_ = width;
  height_ = height;
  stride_ = width + kSlack;
  top_ = height;
  bottom_ = 0;
  bytes_.assign(static_cast<std::size_t>(stride_) * static_cast<std::size_t>(height), 0);
  columns_.assign(static_cast<std::size_t>(height), Columns{});
}

Columns AnnotateMask::mark(int y, double left, double right) {
  const double most = width_;
  const Columns added{static_cast<int>(std::clamp(std::floor(left), 0.0, most)),
                      static_cast<int>(std::clamp(std::ceil(right), 0.0, most))};
  if (added.empty()) return {};
  auto& columns = columns_[static_cast<std::size_t>(y)];
  columns = columns.empty()
                ? added
                : Columns{std::min(columns.left, added.left), std::max(columns.right, added.right)};
  top_ = std::min(top_, y);
  bottom_ = std::max(bottom_, y + 1);
  return added;
}

void AnnotateMask::stamp(const std::vector<std::uint8_t>& shape, int width, int left, int top) {
  const int rows = static_cast<int>(shape.size()) / width;
  for (int y = std::max(top, 0); y < std::min(top + rows, height_); ++y) {
    const auto columns = mark(y, left, left + width);
    if (columns.empty()) continue;  // the shape is outside of the image
    const auto from = static_cast<std::ptrdiff_t>(y - top) * width + columns.left - left;
    std::copy_n(shape.data() + from, columns.right - columns.left, row(y) + columns.left);
  }
}

void AnnotateMask::clear() {
  for (int y = top_; y < bottom_; ++y) {
    auto& columns = columns_[static_cast<std::size_t>(y)];
    if (columns.empty()) continue;
    const int end = columns.right + kSlack;
    std::memset(row(y) + columns.left, 0, static_cast<std::size_t>(end - columns.left));
    columns = {};
  }
  top_ = height_;
  bottom_ = 0;
}

}  // namespace freshframe::vision
