// The motion of boxes, and how well a box matches a track: the model of BoxAssociator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <utility>

#include "vision/tracking/place_motion.hpp"
#include "vision/tracking/track_set.hpp"

namespace freshframe::vision {

struct BoxMotion {
  using Item = Detection;

  struct State {
    PlaceMotion place;
    double width = 0;
    double height = 0;
    double age = 0;  // seconds since the track was last matched
    int class_id = 0;
  };

  double least_overlap = 0.3;
  float least_confidence = 0.1F;

  [[nodiscard]] static State start(const Detection& box);
  static void predict(State& state, double dt);
  [[nodiscard]] Fit fit(const State& state, const Detection& box) const;
  static void hit(State& state, const Detection& box);
  /// Returns false for boxes that are ignored: with a lower score, inverted edges, or numbers that are not
  /// finite or out of bounds.
  [[nodiscard]] bool counts(const Detection& box) const;
  [[nodiscard]] static double place(const Detection& box);
  [[nodiscard]] static std::pair<double, double> reach(const State& state);
};

using BoxTracks = TrackSet<BoxMotion>;

}  // namespace freshframe::vision
