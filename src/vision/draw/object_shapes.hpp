// The columns of boxes that are drawn: masks, key points and corners.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/results.hpp"

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "vision/draw/run_lengths.hpp"

namespace freshframe::vision {

/// In pixels counted from the centre of the top left one.
struct KeyPoint {
  Point at;
  bool seen = false;
};

/// The columns that are read.
struct ShapeColumns {
  bool masks = false;
  bool key_points = false;
  bool corners = false;
};

/// Reads the columns of one result, each of which may be missing.
class ObjectShapes {
 public:
  /// Throws Error for a column of another form, unless there is no box: an empty column has any type.
  ObjectShapes(const Detections& found, const ShapeColumns& read);

  /// Column `mask`: texts, see mask_of().
  [[nodiscard]] std::optional<ObjectMask> mask(std::size_t index, int width, int height) const;
  /// Column `keypoints`: (n, k, 2) x and y, or (n, k, 3) with a confidence. Those below 0.5 and with NaN are not seen.
  [[nodiscard]] std::vector<KeyPoint> key_points(std::size_t index) const;
  /// Column `corners`: (n, 4, 2), of a box that is turned. Empty: the box has none.
  [[nodiscard]] std::vector<Point> corners(std::size_t index) const;

 private:
  const DataColumn* mask_ = nullptr;
  const DataColumn* key_points_ = nullptr;
  const DataColumn* corners_ = nullptr;
};

/// Pairs of the key points of COCO's persons, of which there are 17, that are joined by a line.
[[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> bones_of(std::size_t key_points);

}  // namespace freshframe::vision
