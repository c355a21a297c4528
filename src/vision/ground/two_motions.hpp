// The motion of one object on a ground under two hypotheses: its velocity stays, or it changes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/ground.hpp"

#include <array>
#include <cstddef>

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
  [[nodiscard]] Belief combined(const Weights& weights) const;

  double acceleration_;
  std::array<Belief, kModels> beliefs_{};
  Weights weights_{};
};

}  // namespace freshframe::vision
