// The share of each pixel that a shape covers, before it is painted.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshframe::vision {

/// Columns of a row; `right` is not one of them.
struct Columns {
  int left = 0;
  int right = 0;

  [[nodiscard]] bool empty() const noexcept { return left >= right; }
};

/// 8 bits per pixel: 0 outside of the shape, 255 inside. Records the columns of each row of a shape, so that
/// painting and clearing costs nothing elsewhere. Keeps its memory; one thread at a time.
class AnnotateMask {
 public:
  /// Bytes written after a row's end are not painted and are in no other row.
  static constexpr int kSlack = 64;

  /// An empty mask.
  void resize(int width, int height);
  [[nodiscard]] int width() const noexcept { return width_; }
  [[nodiscard]] int height() const noexcept { return height_; }

  /// The columns of row `y` that will be written: clipped to the picture, and part of the shape from now on.
  /// May be empty.
  Columns mark(int y, double left, double right);
  /// Adds a finished shape, rows of `width` bytes, at a place that may be outside of the picture.
  void stamp(const std::vector<std::uint8_t>& shape, int width, int left, int top);
  [[nodiscard]] std::uint8_t* row(int y) noexcept {
    return bytes_.data() + static_cast<std::ptrdiff_t>(y) * stride_;
  }
  [[nodiscard]] const std::uint8_t* row(int y) const noexcept {
    return bytes_.data() + static_cast<std::ptrdiff_t>(y) * stride_;
  }

  /// Rows of the shape: `top` to before `bottom`.
  [[nodiscard]] int top() const noexcept { return top_; }
  [[nodiscard]] int bottom() const noexcept { return bottom_; }
  [[nodiscard]] Columns columns(int y) const noexcept { return columns_[static_cast<std::size_t>(y)]; }
  /// Drops the shape.
  void clear();

 private:
  int width_ = 0;
  int height_ = 0;
  int stride_ = 0;
  int top_ = 0;
  int bottom_ = 0;
  std::vector<std::uint8_t> bytes_;
  std::vector<Columns> columns_;  // per row
};

}  // namespace freshframe::vision
