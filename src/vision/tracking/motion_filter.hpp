// Kalman filter of a point that moves with slowly changing velocity, for any time between measurements.
// SPDX-License-Identifier: Apache-2.0
//
// R. E. Kalman, "A new approach to linear filtering and prediction problems", 1960; the motion model is the
// piecewise constant white acceleration of Y. Bar-Shalom et al., "Estimation with Applications to Tracking
// and Navigation", 2001, section 6.3.2. Both axes have the same noise, so they share one covariance.
#pragma once

#include <cmath>

namespace freshframe::vision {

class MotionFilter {
 public:
  /// Variances of the first position, pixels^2, and of the unknown velocity, (pixels/s)^2.
  MotionFilter(double x, double y, double position_variance, double velocity_variance)
      : x_(x), y_(y), pp_(position_variance), vv_(velocity_variance) {}

  /// Predicts `dt` seconds ahead; `acceleration`: standard deviation, pixels/s^2.
  void predict(double dt, double acceleration) noexcept {
    const double noise = acceleration * acceleration * dt * dt;
    x_ += vx_ * dt;
    y_ += vy_ * dt;
    pp_ += 2 * dt * pv_ + dt * dt * vv_ + noise * dt * dt / 4;
    pv_ += dt * vv_ + noise * dt / 2;
    vv_ += noise;
  }

  /// Updates with a measured position; `variance` in pixels^2 on each axis.
  void update(double x, double y, double variance) noexcept {
    const double total = pp_ + variance;
    const double position_gain = pp_ / total;
    const double velocity_gain = pv_ / total;
    const double dx = x - x_;
    const double dy = y - y_;
    x_ += position_gain * dx;
    y_ += position_gain * dy;
    vx_ += velocity_gain * dx;
    vy_ += velocity_gain * dy;
    vv_ -= velocity_gain * pv_;
    pv_ -= position_gain * pv_;
    pp_ -= position_gain * pp_;
  }

  /// The square of the Mahalanobis distance of a measurement, and minus twice its log likelihood up to a
  /// constant.
  struct Surprise {
    double distance2 = 0;
    double cost = 0;
  };
  [[nodiscard]] Surprise surprise(double x, double y, double variance) const noexcept {
    const double total = pp_ + variance;
    const double distance2 = ((x - x_) * (x - x_) + (y - y_) * (y - y_)) / total;
    return {distance2, distance2 + 2 * std::log(total)};
  }

  /// Returns the standard deviation on each axis of a measurement with this variance.
  [[nodiscard]] double spread(double variance) const noexcept { return std::sqrt(pp_ + variance); }

  [[nodiscard]] double x() const noexcept { return x_; }
  [[nodiscard]] double y() const noexcept { return y_; }
  [[nodiscard]] double velocity_x() const noexcept { return vx_; }
  [[nodiscard]] double velocity_y() const noexcept { return vy_; }

 private:
  double x_ = 0, y_ = 0;
  double vx_ = 0, vy_ = 0;
  double pp_ = 0, pv_ = 0, vv_ = 0;  // covariance of position and velocity
};

}  // namespace freshframe::vision
