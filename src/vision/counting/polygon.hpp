// A zone of a picture: which points lie in it, how deep, and where a way crosses its border.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <vector>

namespace freshframe::vision {

class Polygon {
 public:
  static constexpr std::size_t kMostCorners = 1000;

  /// Throws OptionError unless these are the corners of one area, in order around it.
  explicit Polygon(std::vector<Point> corners);

  /// Pixels to the border: positive inside, negative outside.
  [[nodiscard]] double depth(double x, double y) const;
  /// Where the straight way from a point to another crosses the border: shares of the way, ascending.
  [[nodiscard]] std::vector<double> crossings(double x, double y, double to_x, double to_y) const;

 private:
  std::vector<Point> corners_;
};

}  // namespace freshframe::vision
