// The place and the speed of one object on a ground, from where its box stands.
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

/// Interacting multiple models (H. Blom and Y. Bar-Shalom, "The Interacting Multiple Model Algorithm for Systems
/// with Markovian Switching Coefficients", IEEE Trans. Automatic Control 33(8), 1988) of two Kalman filters: nearly
/// constant velocity, and nearly constant acceleration (Y. Bar-Shalom, X. Li, T. Kirubarajan, "Estimation with
/// Applications to Tracking and Navigation", 2001, 6.2.2, 6.2.3 and 11.6.6). One filter alone is either too late
/// when a car brakes or too noisy when it does not.
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

/// The knowledge at a time; NaN if nothing is known.
struct GroundTrack {
  Place place;
  double velocity_x = 0;  // m/s
  double velocity_y = 0;
  double speed = 0;
  double speed_error = 0;  // standard deviation
};

/// A filter in metres. The covariance of a measured foot is its pixels' covariance through the homography's Jacobian
/// at that pixel.
///
/// A foot that is far above the predicted one is covered, if the box is where it was expected but for that: a barrier
/// hides the foot, and the box ends higher. It is no measurement for up to a second; then the filter begins again.
/// At any other foot that is far from the predicted one the filter begins again at once: the track's id has moved to
/// another object.
class FootMotion {
 public:
  /// `time` in seconds, ascending. A foot beyond the horizon is no measurement.
  void see(const Ground& ground, double time, const Foot& foot);
  [[nodiscard]] GroundTrack at(const Ground& ground, double time) const;

 private:
  /// A foot on the ground, with the height in metres of the object there.
  struct Measured {
    Place place;
    PlaceNoise noise{};
    double height = 0;
  };
  /// Where the foot is expected in the picture, and how high its object.
  struct Outlook {
    Place pixel;
    double height = 0;
    double sigma_down = 0;
  };

  [[nodiscard]] std::optional<Outlook> compute_outlook(const Ground& ground, const Belief& expected) const;
  /// Whether the foot is so far above the expected foot that something hides it, or it is another object's.
  [[nodiscard]] bool is_raised(const Outlook& outlook, const Foot& foot) const;
  /// Whether the box is where the object is expected, but for its lower edge.
  [[nodiscard]] static bool is_in_place(const Outlook& outlook, const Foot& foot);
  /// In pixels, and in standard deviations.
  [[nodiscard]] static bool is_far(const Outlook& outlook, const Foot& foot);
  [[nodiscard]] static bool is_surprise(const Belief& expected, const Measured& measured);
  void begin_track(const Ground& ground, const Measured& measured, double time);

  double first_ = 0;  // seconds: the first measurement
  double last_ = 0;   // seconds: the last one
  int hits_ = 0;
  double height_ = 0;  // metres
  std::optional<double> covered_since_;
  std::optional<TwoMotions> motions_;
};

}  // namespace freshframe::vision
