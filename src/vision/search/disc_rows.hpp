// Finds the circles that stand side by side with equal ones.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace freshframe::vision {

/// Rows and grids of at least three equal discs with little between them, as on calibration boards. What lies
/// around such a disc looks like texture, but what lies around it are its equals. One thread at a time.
class DiscRows {
 public:
  /// Finds the rows among `circles`. One disc may be there more than once, in nearly the same place.
  void find(std::span<const Circle> circles);
  /// Whether this one of them stands in a row.
  [[nodiscard]] bool holds(std::size_t circle) const noexcept { return in_row_[circle]; }

 private:
  std::vector<bool> in_row_;
};

}  // namespace freshframe::vision
