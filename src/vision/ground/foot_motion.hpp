// Estimates an object's place and speed on the ground from the lower edge of its box.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/ground.hpp"

#include <array>
#include <cstddef>
#include <optional>

namespace freshframe::vision {

/// An estimate in metres and seconds.
struct Belief {
  static constexpr std::size_t kNumbers = 6;
  using Vector = std::array<double, kNumbers>;  // x, y, velocity x and y, acceleration x and y
  using Matrix = std::array<Vector, kNumbers>;

  Vector mean{};
  Matrix covariance{};
};

/// Variances of a measured place: xx, xy, yy.
using PlaceNoise = std::array<double, 3>;

/// Interacting multiple models (H. Blom and Y. Bar-Shalom, "The Interacting Multiple Model Algorithm for
/// Systems with Markovian Switching Coefficients", IEEE Trans. Automatic Control 33(8), 1988) of two Kalman
/// filters: nearly constant velocity, and nearly constant acceleration (Y. Bar-Shalom, X. Li, T. Kirubarajan,
/// "Estimation with Applications to Tracking and Navigation", 2001, 6.2.2, 6.2.3 and 11.6.6). One filter
/// alone is either too late when a car brakes or too noisy when it does not.
class TwoMotions {
 public:
  /// `acceleration`: as of GroundOptions.
  TwoMotions(const Place& place, const PlaceNoise& noise, double acceleration);

  void predict(double dt);
  void see(const Place& place, const PlaceNoise& noise);
  /// Mean and covariance of both together.
  [[nodiscard]] Belief now() const;

 private:
  static constexpr std::size_t kModels = 2;
  static constexpr std::size_t kSteady = 0;
  static constexpr std::size_t kChanging = 1;
  using Weights = std::array<double, kModels>;

  void mix(double dt);
  [[nodiscard]] Belief combine_beliefs(const Weights& weights) const;

  double acceleration_;
  std::array<Belief, kModels> beliefs_{};
  Weights weights_{};
};

/// The middle of a box's lower edge, with the standard deviations of its measurement.
struct Foot {
  double u = 0;  // pixels
  double v = 0;
  double sigma_u = 1;
  double sigma_v = 1;
  double height = 0;  // height of the box
};

/// What is known at a time; NaN if nothing is known.
struct GroundTrack {
  Place place;
  double velocity_x = 0;  // m/s
  double velocity_y = 0;
  double speed = 0;
  double speed_error = 0;  // standard deviation
};

/// A filter in metres. The covariance of a measured foot is its covariance in pixels, transformed by the
/// homography's Jacobian at that pixel.
///
/// A foot far above the predicted one counts as occluded if the rest of the box is where it was expected: a
/// barrier hides the foot, so the box ends higher. It is then ignored for up to a second. After that, the
/// filter restarts. If a foot is far from the predicted one for any other reason, the filter restarts
/// immediately, because the track's id has moved to another object.
class FootMotion {
 public:
  /// `time` in seconds, ascending. Ignores a foot beyond the horizon.
  void see(const Ground& ground, double time, const Foot& foot);
  [[nodiscard]] GroundTrack at(const Ground& ground, double time) const;

 private:
  /// A foot on the ground, with the object's height in metres.
  struct Measured {
    Place place;
    PlaceNoise noise{};
    double height = 0;
  };
  /// Where the foot is expected in the image, and the expected height of its object, in pixels.
  struct Outlook {
    Place pixel;
    double height = 0;
    double sigma_down = 0;
  };

  [[nodiscard]] std::optional<Outlook> compute_outlook(const Ground& ground, const Belief& expected) const;
  /// Returns true if the foot is so far above the expected one that it is occluded, or belongs to another
  /// object.
  [[nodiscard]] bool is_raised(const Outlook& outlook, const Foot& foot) const;
  /// Returns true if the box is where the object is expected, apart from its lower edge.
  [[nodiscard]] static bool is_in_place(const Outlook& outlook, const Foot& foot);
  /// The foot may be another object's if both return true: is_far() compares the distance from the expected
  /// place with the heights in pixels, is_surprise() with its standard deviations.
  [[nodiscard]] static bool is_far(const Outlook& outlook, const Foot& foot);
  [[nodiscard]] static bool is_surprise(const Belief& expected, const Measured& measured);
  void begin_track(const Ground& ground, const Measured& measured, double time);

  double first_ = 0;  // time of the first measurement, in seconds
  double last_ = 0;   // time of the last measurement
  int hits_ = 0;
  double height_ = 0;  // metres
  std::optional<double> covered_since_;
  std::optional<TwoMotions> motions_;
};

}  // namespace freshframe::vision
