// A selection of cells of a coarse grid over an image.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshframe::vision {

/// One flag per cell of kCell x kCell pixels. The last column and row may extend beyond the image. Reuses its
/// memory.
class CellMask {
 public:
  static constexpr int kCell = 8;

  /// Returns the number of cells of an image.
  [[nodiscard]] static std::size_t count_cells(int width, int height) noexcept {
    return static_cast<std::size_t>((width + kCell - 1) / kCell) *
           static_cast<std::size_t>((height + kCell - 1) / kCell);
  }

  /// Clears all cells, for an image of this size.
  void start(int width, int height);
  void mark(int column, int row) { cells_[at(column, row)] = 1; }
  /// Marks the cells that touch the ring between two radii in pixels. If the inner one is negative, the ring
  /// is a disc.
  void mark_ring(double x, double y, double inner, double outer);
  /// Adds the cells within this distance, in cells, of the marked ones.
  void grow(int cells);

  [[nodiscard]] int columns() const noexcept { return columns_; }
  [[nodiscard]] int rows() const noexcept { return rows_; }
  [[nodiscard]] bool operator()(int column, int row) const noexcept { return cells_[at(column, row)] != 0; }
  /// The flags, 0 or 1, of one row of cells.
  [[nodiscard]] const std::uint8_t* row(int row) const noexcept { return &cells_[at(0, row)]; }
  [[nodiscard]] std::size_t count() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return cells_.size(); }

 private:
  [[nodiscard]] std::size_t at(int column, int row) const noexcept {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) +
           static_cast<std::size_t>(column);
  }

  int columns_ = 0;
  int rows_ = 0;
  std::vector<std::uint8_t> cells_;
  std::vector<std::uint8_t> scratch_;
};

}  // namespace freshframe::vision
