// The plane below the objects: from pixels to metres.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <array>
#include <optional>
#include <vector>

namespace freshframe {

/// A place on the ground, in metres.
struct Place {
  double x = 0;
  double y = 0;
};

/// Options of Ground.
struct GroundOptions {
  std::vector<Point> points = {};  // pixels, four or more, no three of the first four on a line
  std::vector<Place> places = {};  // the same points on the ground, in metres
  double click_error = 1.5;        // pixels: standard deviation of a coordinate of `points`
  double acceleration = 0.7;       // m/s per root s: how much the velocity changes; see two_motions.cpp
};

/// The homography of a plane, by least squares (R. Hartley and A. Zisserman, "Multiple View Geometry in
/// Computer Vision", 2nd ed., 4.1 and 4.4.4: the linear method with normalised coordinates). Immutable.
class Ground {
 public:
  /// A point of the picture on the ground.
  struct Spot {
    Place place;
    std::array<double, 4> jacobian{};  // metres per pixel: dx/du, dx/dv, dy/du, dy/dv
  };

  /// Throws OptionError for points that give no plane, and where five or more contradict each other.
  explicit Ground(const GroundOptions& options);

  /// Returns nullopt at the horizon (nearer to it than ten pixels) or above it.
  [[nodiscard]] std::optional<Spot> at(double u, double v) const;
  /// The pixel of a place; nullopt means it is at the camera's back.
  [[nodiscard]] std::optional<Place> pixel(const Place& place) const;
  /// Standard deviation of the speed that the clicks' errors alone give an object at this pixel with this
  /// velocity in m/s: first order, each coordinate moved by `click_error`.
  [[nodiscard]] double estimate_speed_error(double u, double v, double vx, double vy) const;
  /// Root mean square of the distances of the points from those given, in metres; 0 for four points, which
  /// any plane passes through.
  [[nodiscard]] double residual() const noexcept { return residual_; }
  [[nodiscard]] const GroundOptions& options() const noexcept { return options_; }

 private:
  using Homography = std::array<double, 9>;

  [[nodiscard]] static std::optional<Spot> project(const Homography& matrix, double u, double v);

  GroundOptions options_;
  Homography matrix_{};  // from pixels to metres; points of the ground have a positive third coordinate
  Homography back_{};    // from metres to pixels
  std::vector<Homography> moved_;  // with one coordinate of the picture moved
  double residual_ = 0;
};

}  // namespace freshframe
