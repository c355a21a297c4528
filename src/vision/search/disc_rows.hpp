// Finds the circles that are side by side with equal ones.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace freshframe::vision {

/// Rows and grids of at least three equal discs with small gaps, as on calibration boards. The surroundings
/// of such a disc look like texture, although they are equal discs. One thread at a time.
class DiscRows {
 public:
  /// Finds the rows among `circles`. They may contain a disc more than once, in nearly the same place.
  void find(std::span<const Circle> circles);
  /// Whether this one of them is in a row.
  [[nodiscard]] bool holds(std::size_t circle) const noexcept { return in_row_[circle]; }

 private:
  std::vector<bool> in_row_;
};

}  // namespace freshframe::vision
