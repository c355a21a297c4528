// Whether the points of a line or a zone can be pixels of the pictures.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/results.hpp"

#include <set>
#include <span>
#include <vector>

#include "vision/frame_sizes.hpp"

namespace freshframe::vision {

/// Whether points that are whole numbers may all lie within 0 to 1: a line may be one pixel long, but a zone
/// of one pixel is the whole picture in shares.
enum class OnePixel : bool { Allowed, Refused };
/// Throws OptionError for points that are shares of the picture: all within 0 to 1.
void refuse_shares(const char* who, std::span<const Point> points, OnePixel one_pixel);
/// Throws OptionError for points that are not shares.
void check_shares(const char* who, std::span<const Point> points);
/// Shares of a picture as pixels. Throws Error if the size is not known.
[[nodiscard]] std::vector<Point> scaled(const char* who, std::span<const Point> shares, PictureSize size);

/// Warns once per source when all points, in pixels, lie on one side of the frame, and once for each further size of
/// its frames. An error would be too much: boxes may be in the coordinates of another image than the sample's frame,
/// such as a cropped one.
class Placement {
 public:
  /// A size of 0 is unknown.
  void see(const FrameSizes::Owner& owner, std::span<const Point> points, PictureSize size, int source);
  void forget(int source);

 private:
  std::set<int> seen_;  // sources
  FrameSizes sizes_;
};

/// A zone of a picture: the depth of points in it, and the crossings of a path with its border.
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
