// The prediction of an object's centre: straight on, or, after a bounce, anywhere around its last place.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

namespace freshframe::vision {

// Kalman filter of a point that moves with slowly changing velocity, for any time between measurements.
// R. E. Kalman, "A new approach to linear filtering and prediction problems", 1960; the motion model is the
// piecewise constant white acceleration of Y. Bar-Shalom et al., "Estimation with Applications to Tracking
// and Navigation", 2001, section 6.3.2. Both axes have the same noise, so they share one covariance.

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

  /// Square of the Mahalanobis distance of a measurement, and minus twice its log likelihood up to a
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

  /// Standard deviation on each axis of a measurement with this variance.
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

/// The motion of objects; standard deviations.
struct PlaceRules {
  double acceleration = 2000;  // pixels/s^2
  double first_speed = 350;    // of a new track, whose velocity is unknown, pixels/s
  double first_place = 1.4;    // of a new track's position, pixels
};

class PlaceMotion {
 public:
  /// Places more than 4 standard deviations apart cannot be of the same object; after a bounce 2.5.
  static constexpr double kGate = 16, kBounceGate = 6.25;
  /// An object that bounces or is hit continues from its place with another velocity. That is rarer than
  /// straight motion: minus twice the log of the odds.
  static constexpr double kBouncePenalty = 6;

  /// Pixels. Farther out a velocity may overflow a float.
  static constexpr float kFarthest = 1e7F;

  PlaceMotion(double x, double y, const PlaceRules& rules) : motion_(begin(x, y, rules)) {}

  /// Predicts `dt` seconds after the last hit.
  void predict(double dt, const PlaceRules& rules) {
    prediction_ = motion_;
    prediction_.predict(dt, rules.acceleration);
    bounced_ = begin(motion_.x(), motion_.y(), rules);
    bounced_.predict(dt, rules.acceleration);
  }

  struct Match {
    bool possible = false;
    bool bounced = false;
    double cost = 0;  // minus twice the log likelihood up to a constant
  };
  /// `variance` of the measured place, pixels^2 on each axis.
  [[nodiscard]] Match match(double x, double y, double variance) const {
    const auto straight = prediction_.surprise(x, y, variance);
    const auto bounced = bounced_.surprise(x, y, variance);
    const double straight_cost = straight.distance2 < kGate ? straight.cost : kImpossible;
    const double bounced_cost = bounced.distance2 < kBounceGate ? bounced.cost + kBouncePenalty : kImpossible;
    const double cost = std::min(straight_cost, bounced_cost);
    return {cost < kImpossible, bounced_cost < straight_cost, cost};
  }

  void hit(double x, double y, double variance) {
    motion_ = match(x, y, variance).bounced ? bounced_ : prediction_;
    motion_.update(x, y, variance);
  }

  /// The interval of x outside of which nothing matches.
  [[nodiscard]] std::pair<double, double> reach(double variance) const {
    const double straight = std::sqrt(kGate) * prediction_.spread(variance);
    const double bounced = std::sqrt(kBounceGate) * bounced_.spread(variance);
    return {std::min(prediction_.x() - straight, bounced_.x() - bounced),
            std::max(prediction_.x() + straight, bounced_.x() + bounced)};
  }

  [[nodiscard]] const MotionFilter& now() const noexcept { return motion_; }  // at the last hit
  [[nodiscard]] const MotionFilter& prediction() const noexcept { return prediction_; }

 private:
  static constexpr double kImpossible = 1e9;
  static MotionFilter begin(double x, double y, const PlaceRules& rules) {
    return {x, y, rules.first_place * rules.first_place, rules.first_speed * rules.first_speed};
  }

  MotionFilter motion_;
  MotionFilter prediction_ = motion_;
  MotionFilter bounced_ = motion_;
};

}  // namespace freshframe::vision
