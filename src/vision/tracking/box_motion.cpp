// Constant velocity with slow changes, sides that drift, and overlap as the test for a match.
// SPDX-License-Identifier: Apache-2.0
//
// Overlap is not a useful test if the predicted place is uncertain: a small box that moves by its own width
// does not overlap at all. So both boxes are first enlarged by that uncertainty, as F. Yang et al. do by a
// fixed factor ("Hard to Track Objects with Irregular Motions and Similar Appearances? Make It Easier by
// Buffering the Matching Space", WACV 2023).
#include "vision/tracking/box_motion.hpp"

#include <algorithm>
#include <cmath>

namespace freshframe::vision {

namespace {

// Near objects look large and move fast, so both terms apply: pixels/s^2 and pixels/s, plus multiples of the
// size (side of a square of the same area) per s^2 and per s.
constexpr double kAcceleration = 1000, kAccelerationOfSize = 6;
constexpr double kFirstSpeed = 150, kFirstSpeedOfSize = 2;
// Standard deviation of a measured center: pixels, and fraction of the size.
constexpr double kBoxCentreNoise = 1, kBoxCentreNoiseOfSize = 0.05;
// Width and height: standard deviation of the measurement and of the change per second, both as fractions.
constexpr double kSizeNoise = 0.15, kSizeDrift = 1;
// Standard deviation of a measured edge in pixels. It is most of the noise of a narrow box, which belongs to
// a distant object.
constexpr double kEdgeNoise = 2;
constexpr double kSizeGate = 9;    // squared standard deviations
constexpr double kSizeGain = 0.4;  // weight of a new measurement
// standard deviations by which boxes are enlarged before the overlap is computed
constexpr double kGrowth = 2;
constexpr double kMinSideOfBox = 1e-3;  // pixels

double compute_size(const BoxMotion::State& state) {
  return std::sqrt(state.width * state.height);
}

PlaceRules place_rules(double size) {
  return {.acceleration = kAcceleration + kAccelerationOfSize * size,
          .first_speed = kFirstSpeed + kFirstSpeedOfSize * size,
          .first_place = kBoxCentreNoise + kBoxCentreNoiseOfSize * size};
}

double compute_variance(const BoxMotion::State& state) {
  const double noise = kBoxCentreNoise + kBoxCentreNoiseOfSize * compute_size(state);
  return noise * noise;
}

struct Sides {
  double x = 0;  // center
  double y = 0;
  double width = 0;
  double height = 0;
};

Sides compute_sides(const Detection& box) {
  return {(double{box.x1} + double{box.x2}) / 2, (double{box.y1} + double{box.y2}) / 2,
          std::max(kMinSideOfBox, double{box.x2} - double{box.x1}),
          std::max(kMinSideOfBox, double{box.y2} - double{box.y1})};
}

// The squared change of a side in standard deviations, `age` seconds after its last measurement. Edge noise
// limits the relative accuracy of the shorter side.
double side_cost(double expected, double measured, double age) {
  const double drift = kSizeDrift * age;
  const double edge = kEdgeNoise / std::min(expected, measured);
  const double change = std::log(measured / expected);
  return change * change / (kSizeNoise * kSizeNoise + drift * drift + 2 * edge * edge);
}

// Intersection over union of two boxes, enlarged by a margin.
double overlap(const Sides& a, const Sides& b, double margin) {
  const auto shared = [&](double from, double side, double other, double other_side) {
    return std::max(0.0, std::min(from + side / 2, other + other_side / 2) -
                             std::max(from - side / 2, other - other_side / 2) + 2 * margin);
  };
  const double both = shared(a.x, a.width, b.x, b.width) * shared(a.y, a.height, b.y, b.height);
  const auto area = [&](const Sides& s) { return (s.width + 2 * margin) * (s.height + 2 * margin); };
  return both / (area(a) + area(b) - both);
}

}  // namespace

BoxMotion::State BoxMotion::start(const Detection& box) {
  const Sides sides = compute_sides(box);
  const double size = std::sqrt(sides.width * sides.height);
  return {.place = PlaceMotion(sides.x, sides.y, place_rules(size)),
          .width = sides.width,
          .height = sides.height,
          .class_id = box.class_id};
}

void BoxMotion::predict(State& state, double dt) {
  state.place.predict(dt, place_rules(compute_size(state)));
  state.age = dt;
}

Fit BoxMotion::fit(const State& state, const Detection& box) const {
  if (box.class_id != state.class_id) return {};
  const Sides sides = compute_sides(box);
  const auto place = state.place.match(sides.x, sides.y, compute_variance(state));
  if (!place.possible) return {};
  const double size =
      side_cost(state.width, sides.width, state.age) + side_cost(state.height, sides.height, state.age);
  if (!(size < kSizeGate)) return {};
  const auto& expected = state.place.prediction();
  const double margin = kGrowth * expected.spread(0);
  if (overlap({expected.x(), expected.y(), state.width, state.height}, sides, margin) < least_overlap)
    return {};
  return {true, place.cost + size};
}

void BoxMotion::hit(State& state, const Detection& box) {
  const Sides sides = compute_sides(box);
  state.place.hit(sides.x, sides.y, compute_variance(state));
  state.width += kSizeGain * (sides.width - state.width);
  state.height += kSizeGain * (sides.height - state.height);
}

bool BoxMotion::counts(const Detection& box) const {
  // All comparisons with NaN are false.
  const auto near = [](float coordinate) { return std::abs(coordinate) <= PlaceMotion::kFarthest; };
  return box.confidence >= least_confidence && std::isfinite(box.confidence) && near(box.x1) &&
         near(box.y1) && near(box.x2) && near(box.y2) && box.x2 >= box.x1 && box.y2 >= box.y1;
}

double BoxMotion::place(const Detection& box) {
  return compute_sides(box).x;
}

std::pair<double, double> BoxMotion::reach(const State& state) {
  return state.place.reach(compute_variance(state));
}

}  // namespace freshframe::vision
