// Marks shapes in a grid of cells.
// SPDX-License-Identifier: Apache-2.0
#include "vision/picture/cell_mask.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace freshframe::vision {

void CellMask::start(int width, int height) {
  columns_ = (width + kCell - 1) / kCell;
  rows_ = (height + kCell - 1) / kCell;
  cells_.assign(count_cells(width, height), 0);
}

void CellMask::mark_ring(double x, double y, double inner, double outer) {
  if (!(outer > 0) || !std::isfinite(x) || !std::isfinite(y)) return;
  constexpr double kHalf = kCell / 2.0;
  constexpr double kCorner = kHalf * 1.4143;  // from a cell's middle
  const auto cell = [](double position, int cells) {
    return static_cast<int>(std::clamp(std::floor(position / kCell), 0.0, double(cells) - 1));
  };
  const double from = std::max(0.0, inner - kCorner);
  const double to = outer + kCorner;
  const double from2 = inner > kCorner ? from * from : -1;
  const int last_row = cell(y + outer, rows_);
  const int last_column = cell(x + outer, columns_);
  for (int row = cell(y - outer, rows_); row <= last_row; ++row) {
    const double dy = row * kCell + kHalf - y;
    for (int column = cell(x - outer, columns_); column <= last_column; ++column) {
      const double dx = column * kCell + kHalf - x;
      const double d2 = dx * dx + dy * dy;
      if (d2 >= from2 && d2 <= to * to) mark(column, row);
    }
  }
}

void CellMask::grow(int cells) {
  for (int step = 0; step < cells; ++step) {
    scratch_ = cells_;
    for (int row = 0; row < rows_; ++row) {
      for (int column = 0; column < columns_; ++column) {
        if (scratch_[at(column, row)] == 0) continue;
        for (int y = std::max(0, row - 1); y <= std::min(rows_ - 1, row + 1); ++y) {
          for (int x = std::max(0, column - 1); x <= std::min(columns_ - 1, column + 1); ++x) mark(x, y);
        }
      }
    }
  }
}

std::size_t CellMask::count() const noexcept {
  return std::accumulate(cells_.begin(), cells_.end(), std::size_t{0});
}

}  // namespace freshframe::vision
