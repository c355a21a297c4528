// The coverage of each pixel by a shape, before it is painted.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshframe::vision {

/// A range of columns; `right` is exclusive.
struct Columns {
  int left = 0;
  int right = 0;

  [[nodiscard]] bool empty() const noexcept { return left >= right; }
};

/// 8 bits per pixel: 0 outside of the shape, 255 inside. Tracks the columns used in each row, so that
/// painting and clearing are cheap. Reuses its memory; not thread-safe.
class AnnotateMask {
 public:
  /// Up to this many bytes after a row's end may be overwritten: they are padding.
  static constexpr int kSlack = 64;

  /// Creates an empty mask.
  void resize(int width, int height);
  [[nodiscard]] int width() const noexcept { return width_; }
  [[nodiscard]] int height() const noexcept { return height_; }

  /// Reserves columns of row `y` for writing, clipped to the image. May return an empty range.
  Columns mark(int y, double left, double right);
  /// Adds a prerendered shape with rows of `width` bytes, at a position that may be outside of the image.
  void stamp(const std::vector<std::uint8_t>& shape, int width, int left, int top);
  [[nodiscard]] std::uint8_t* row(int y) noexcept {
    return bytes_.data() + static_cast<std::ptrdiff_t>(y) * stride_;
  }
  [[nodiscard]] const std::uint8_t* row(int y) const noexcept {
    return bytes_.data() + static_cast<std::ptrdiff_t>(y) * stride_;
  }

  /// Rows of the shape, `bottom` exclusive.
  [[nodiscard]] int top() const noexcept { return top_; }
  [[nodiscard]] int bottom() const noexcept { return bottom_; }
  [[nodiscard]] Columns columns(int y) const noexcept { return columns_[static_cast<std::size_t>(y)]; }
  /// Clears the mask.
  void clear();

 private:
  int width_ = 0;
  int height_ = 0;
  int stride_ = 0;
  int top_ = 0;
  int bottom_ = 0;
  std::vector<std::uint8_t> bytes_;
  std::vector<Columns> columns_;  // by row
};

}  // namespace freshframe::vision
