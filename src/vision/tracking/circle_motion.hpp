// The motion of circles, and how well a circle matches a track: the model of CircleAssociator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <utility>

#include "vision/tracking/place_motion.hpp"
#include "vision/tracking/track_set.hpp"

namespace freshframe::vision {

struct CircleMotion {
  using Item = Circle;

  struct State {
    PlaceMotion place;
    double radius = 0;
    double radius_variance = 0;
    double radius_spread = 0;  // predicted variance for the current image
  };

  [[nodiscard]] static State start(const Circle& circle);
  static void predict(State& state, double dt);
  [[nodiscard]] static Fit fit(const State& state, const Circle& circle);
  static void hit(State& state, const Circle& circle);
  /// Returns false for circles that are ignored: with numbers that are not finite or out of bounds.
  [[nodiscard]] static bool counts(const Circle& circle);
  [[nodiscard]] static double place(const Circle& circle) { return double{circle.x}; }
  [[nodiscard]] static std::pair<double, double> reach(const State& state);

  /// Returns the standard deviation of the predicted centre, in pixels.
  [[nodiscard]] static double spread(const State& state);
};

using CircleTracks = TrackSet<CircleMotion>;

[[nodiscard]] TrackRules circle_rules(const CircleTrackerOptions& options);
/// Returns the circles of the last take() whose track is confirmed, with the tracker's columns.
[[nodiscard]] Circles tracked_circles(const CircleTracks& tracks, const std::vector<Circle>& found);

}  // namespace freshframe::vision
