// Detects where an image has changed since each place was last searched.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/picture/cell_mask.hpp"

namespace freshframe::vision {

/// Compares the mean brightness of cells. Small steps add up, because a cell is compared with its state at
/// its last search, not with the previous image. A change of brightness by the same factor everywhere does
/// not count. Not thread-safe; reuses its memory.
class ChangeGrid {
 public:
  /// Takes the next image. Returns false if it is the first one, or its size has changed: nothing can then be
  /// compared until searched_all() is called.
  [[nodiscard]] bool measure(const Plane& luma);
  /// Marks the cells that changed. `out` must have the image's size. Returns false, and marks nothing, if
  /// nearly all of the image has changed, for example because the camera moves.
  [[nodiscard]] bool mark_changes(CellMask& out);
  /// Call when these cells have been searched in the current image.
  void note_search(const CellMask& cells);
  void searched_all();

 private:
  [[nodiscard]] float brightness();
  [[nodiscard]] float noise();
  void spread_change(std::size_t cell, float limit, CellMask& out);

  int width_ = 0;
  int height_ = 0;
  std::vector<std::uint16_t> now_;
  std::vector<float> then_;  // means at the last search of each cell, divided by the brightness at that time
  float brightness_ = 1;     // brightness of the current image, from the cells that did not change
  std::vector<float> differences_;
  std::vector<float> samples_;
  std::vector<std::size_t> stack_;
};

}  // namespace freshframe::vision
