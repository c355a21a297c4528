// The place and the speed of one object on a ground, from where its box stands.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/ground.hpp"

#include <optional>

#include "vision/ground/two_motions.hpp"

namespace freshframe::vision {

/// The middle of a box's lower edge, with the standard deviations of its measurement.
struct Foot {
  double u = 0;  // pixels
  double v = 0;
  double sigma_u = 1;
  double sigma_v = 1;
  double height = 0;  // of the box
};

/// What is known at a time; NaN where nothing is.
struct GroundTrack {
  Place place;
  double velocity_x = 0;  // m/s
  double velocity_y = 0;
  double speed = 0;
  double speed_error = 0;  // standard deviation
};

/// A filter in metres. The covariance of a measured foot is that of its pixels through the homography's Jacobian at
/// that pixel.
///
/// A foot that is far above the predicted one is covered: a barrier hides it, and the box ends higher. It is no
/// measurement for up to a second; then the filter begins again.
class FootMotion {
 public:
  /// `time` in seconds, ascending. A foot beyond the horizon is no measurement.
  void see(const Ground& ground, double time, const Foot& foot);
  [[nodiscard]] GroundTrack at(const Ground& ground, double time) const;

 private:
  [[nodiscard]] bool is_covered(const Ground& ground, const Belief& expected, const Foot& foot) const;
  void begin(const Ground& ground, const Place& place, const PlaceNoise& noise, double time);

  double first_ = 0;  // seconds: the first measurement
  double last_ = 0;   // seconds: the last one
  int hits_ = 0;
  std::optional<double> covered_since_;
  std::optional<TwoMotions> motions_;
};

}  // namespace freshframe::vision
