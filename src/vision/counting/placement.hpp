// Checks whether the points of a line or zone fit the images.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/results.hpp"

#include <span>
#include <vector>

#include "vision/frame_sizes.hpp"

namespace freshframe::vision {

/// Whether integer points may all lie within 0 to 1. A line may be one pixel long, but a zone of one pixel
/// would be the whole image in fractions.
enum class OnePixel : bool { Allowed, Refused };
/// Throws OptionError if the points look like fractions of the image: all within 0 to 1.
void refuse_shares(const char* who, std::span<const Point> points, OnePixel one_pixel);
/// Throws OptionError if the points are not fractions.
void check_shares(const char* who, std::span<const Point> points);
/// Converts fractions of an image to pixels. Throws Error if the size is unknown.
[[nodiscard]] std::vector<Point> scaled(const char* who, std::span<const Point> shares, PictureSize size);

/// Warns once per source if all points, in pixels, are on one side of the frame, and again for each new frame
/// size. This is not an error, because boxes may be in the coordinates of another image than the sample's
/// frame, such as a cropped one.
class Placement {
 public:
  /// Takes the frame size of a sample. A size of 0 means unknown.
  void see(const FrameSizes::Owner& owner, std::span<const Point> points, PictureSize size, int source);
  void forget(int source);

 private:
  FrameSizes sizes_;
};

/// A zone of an image. Computes the depth of points in it, and where a path crosses its border.
class Polygon {
 public:
  static constexpr std::size_t kMostCorners = 1000;

  /// Throws OptionError unless the corners enclose a single area, in order around it. `who`: for error
  /// messages.
  Polygon(const char* who, std::vector<Point> corners);

  /// Distance from the border in pixels: positive inside, negative outside.
  [[nodiscard]] double depth(double x, double y) const;
  /// Where the straight path between two points crosses the border, as ascending fractions of the path.
  [[nodiscard]] std::vector<double> crossings(double x, double y, double to_x, double to_y) const;

 private:
  std::vector<Point> corners_;
};

}  // namespace freshframe::vision
