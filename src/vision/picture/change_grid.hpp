// The places where a picture has changed since their last search.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/picture/cell_mask.hpp"

namespace freshframe::vision {

/// Compares the mean brightness of cells; small steps add up, because a cell is compared with its own last
/// search and not with the picture before. A change of brightness by the same factor everywhere does not
/// count. One thread at a time; keeps its memory.
class ChangeGrid {
 public:
  /// Takes the next picture. False when it is the first, or of another size than the one before: then there
  /// is no comparison until searched_all().
  [[nodiscard]] bool measure(const Plane& luma);
  /// Marks the cells that changed; `out` has the picture's size. False, without any mark, when nearly all of
  /// the picture has changed, as with a moving camera.
  [[nodiscard]] bool mark_changes(CellMask& out);
  /// These cells have been searched in the current picture.
  void note_search(const CellMask& cells);
  void searched_all();

 private:
  [[nodiscard]] float brightness();
  [[nodiscard]] float noise();
  void spread_change(std::size_t cell, float limit, CellMask& out);

  int width_ = 0;
  int height_ = 0;
  std::vector<std::uint16_t> now_;
  std::vector<float> then_;  // when last searched, at brightness 1
  float brightness_ = 1;     // brightness of the current picture, by the cells that did not change
  std::vector<float> differences_;
  std::vector<float> samples_;
  std::vector<std::size_t> stack_;
};

}  // namespace freshframe::vision
