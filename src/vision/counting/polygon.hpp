// A zone of a picture: the depth of points in it, and the crossings of a path with its border.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/results.hpp"

#include <vector>

namespace freshframe::vision {

class Polygon {
 public:
  static constexpr std::size_t kMostCorners = 1000;

  /// Throws OptionError unless these are the corners of one area, in order around it. `who`: for its message.
  Polygon(const char* who, std::vector<Point> corners);

  /// Pixels to the border: positive inside, negative outside.
  [[nodiscard]] double depth(double x, double y) const;
  /// The crossings of the straight path between two points with the border: shares of the path, ascending.
  [[nodiscard]] std::vector<double> crossings(double x, double y, double to_x, double to_y) const;

 private:
  std::vector<Point> corners_;
};

}  // namespace freshframe::vision
