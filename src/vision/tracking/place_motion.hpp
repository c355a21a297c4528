// Predicts an object's centre: in a straight line or, after a bounce, anywhere around its last place.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

#include "vision/tracking/motion_filter.hpp"

namespace freshframe::vision {

/// Rules for the motion of objects. All numbers are standard deviations.
struct PlaceRules {
  double acceleration = 2000;  // pixels/s^2
  double first_speed = 350;    // pixels/s: speed of a new track, whose velocity is unknown
  double first_place = 1.4;    // error of a new track's position, in pixels
};

class PlaceMotion {
 public:
  /// Limits of the squared distance, in squared standard deviations: places more than 4 standard deviations
  /// apart (2.5 after a bounce) cannot belong to the same object.
  static constexpr double kGate = 16, kBounceGate = 6.25;
  /// An object that bounces or is hit continues from its place with another velocity. This is less likely
  /// than straight motion: minus twice the log of the odds.
  static constexpr double kBouncePenalty = 6;

  /// In pixels. For places further out, a velocity may overflow a float.
  static constexpr float kFarthest = 1e7F;

  PlaceMotion(double x, double y, const PlaceRules& rules) : motion_(make_filter(x, y, rules)) {}

  /// Predicts `dt` seconds after the last match.
  void predict(double dt, const PlaceRules& rules) {
    prediction_ = motion_;
    prediction_.predict(dt, rules.acceleration);
    bounced_ = make_filter(motion_.x(), motion_.y(), rules);
    bounced_.predict(dt, rules.acceleration);
  }

  struct Match {
    bool possible = false;
    bool bounced = false;
    double cost = 0;  // minus twice the log likelihood up to a constant
  };
  /// `variance`: of the measured place, in pixels^2 on each axis.
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

  /// Returns the interval of x that contains all possible matches.
  [[nodiscard]] std::pair<double, double> reach(double variance) const {
    const double straight = std::sqrt(kGate) * prediction_.spread(variance);
    const double bounced = std::sqrt(kBounceGate) * bounced_.spread(variance);
    return {std::min(prediction_.x() - straight, bounced_.x() - bounced),
            std::max(prediction_.x() + straight, bounced_.x() + bounced)};
  }

  [[nodiscard]] const MotionFilter& now() const noexcept { return motion_; }  // state at the last match
  [[nodiscard]] const MotionFilter& prediction() const noexcept { return prediction_; }

 private:
  static constexpr double kImpossible = 1e9;
  static MotionFilter make_filter(double x, double y, const PlaceRules& rules) {
    return {x, y, rules.first_place * rules.first_place, rules.first_speed * rules.first_speed};
  }

  MotionFilter motion_;
  MotionFilter prediction_ = motion_;
  MotionFilter bounced_ = motion_;
};

}  // namespace freshframe::vision
