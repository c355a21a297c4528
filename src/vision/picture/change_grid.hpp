// Where a picture differs from what was there when it was last searched.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/picture/cell_mask.hpp"

namespace freshframe::vision {

/// Compares the mean brightness of cells; small steps add up, because a cell is compared with its own last
/// search and not with the picture before. Brightness that changes everywhere by one factor is no change. One
/// thread at a time; keeps its memory.
class ChangeGrid {
 public:
  /// Takes the next picture in. False when it is the first, or of another size than the one before: then
  /// nothing can be compared until searched_all().
  [[nodiscard]] bool measure(const Plane& luma);
  /// Marks the cells that changed; `out` has the picture's size. False, and nothing marked, when nearly all
  /// of the picture did, as under a camera that moves.
  [[nodiscard]] bool mark_changes(CellMask& out);
  /// These cells have been searched in the picture in hand.
  void searched(const CellMask& cells);
  void searched_all();

 private:
  [[nodiscard]] float brightness();
  [[nodiscard]] float noise();
  void spread_change(std::size_t cell, float limit, CellMask& out);

  int width_ = 0;
  int height_ = 0;
  std::vector<std::uint16_t> now_;
  std::vector<float> then_;  // when last searched, at brightness 1
  float brightness_ = 1;     // of the picture in hand, by the cells that did not change
  std::vector<float> differences_;
  std::vector<float> samples_;
  std::vector<std::size_t> stack_;
};

}  // namespace freshframe::vision
