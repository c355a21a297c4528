// Maps image coordinates to metres on the ground plane.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <array>
#include <optional>
#include <vector>

namespace freshframe {

/// A point on the ground, in metres.
struct Place {
  double x = 0;
  double y = 0;
};

/// Options of Ground.
struct GroundOptions {
  std::vector<Point> points = {};  // pixels; at least four, and no three of the first four on one line
  std::vector<Place> places = {};  // the same points on the ground, in metres
  double click_error = 1.5;        // standard deviation of a coordinate of `points`, in pixels
  double acceleration = 0.7;       // m/s per root s: how much the velocity changes; see foot_motion.cpp
};

/// A homography fitted by least squares (R. Hartley and A. Zisserman, "Multiple View Geometry in Computer
/// Vision", 2nd ed., 4.1 and 4.4.4: the linear method with normalised coordinates). Immutable.
class Ground {
 public:
  /// A ground point and its derivatives with respect to the pixel.
  struct Spot {
    Place place;
    std::array<double, 4> jacobian{};  // metres per pixel: dx/du, dx/dv, dy/du, dy/dv
  };

  /// Throws OptionError if the points do not define a plane, or if five or more of them contradict each
  /// other.
  explicit Ground(const GroundOptions& options);

  /// Returns nullopt above the horizon and closer to it than ten pixels.
  [[nodiscard]] std::optional<Spot> at(double u, double v) const;
  /// Returns the pixel of a ground point, or nullopt if it is behind the camera.
  [[nodiscard]] std::optional<Place> pixel(const Place& place) const;
  /// Standard deviation of the speed of an object with this position and velocity (m/s) that results from
  /// `click_error` alone, to first order.
  [[nodiscard]] double estimate_speed_error(double u, double v, double vx, double vy) const;
  /// Root mean square distance in metres between `places` and the fitted points; 0 for four points, which
  /// always fit exactly.
  [[nodiscard]] double residual() const noexcept { return residual_; }
  [[nodiscard]] const GroundOptions& options() const noexcept { return options_; }

 private:
  using Homography = std::array<double, 9>;

  [[nodiscard]] static std::optional<Spot> project(const Homography& matrix, double u, double v);

  GroundOptions options_;
  Homography matrix_{};            // pixels to metres; the third coordinate is positive on the ground
  Homography back_{};              // metres to pixels
  std::vector<Homography> moved_;  // one fit per coordinate of `points`, which is off by `click_error`
  double residual_ = 0;
};

}  // namespace freshframe
