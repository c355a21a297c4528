// A straight line through points, by least squares.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace freshframe::media {

struct StraightLine {
  double mean_x = 0;
  double mean_y = 0;
  double slope = 0;

  [[nodiscard]] double at(double x) const noexcept { return mean_y + slope * (x - mean_x); }

  /// Fits the points for which `keep(index)` is true, at least one. Vertical points have no slope.
  template <class Keep>
  [[nodiscard]] static StraightLine fit(const std::vector<double>& x, const std::vector<double>& y,
                                        const Keep& keep) {
    StraightLine line;
    double count = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!keep(i)) continue;
      count += 1;
      line.mean_x += x[i];
      line.mean_y += y[i];
    }
    line.mean_x /= count;
    line.mean_y /= count;
    double along = 0;
    double both = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!keep(i)) continue;
      along += (x[i] - line.mean_x) * (x[i] - line.mean_x);
      both += (x[i] - line.mean_x) * (y[i] - line.mean_y);
    }
    line.slope = along > 0 ? both / along : 0;
    return line;
  }
};

}  // namespace freshframe::media
