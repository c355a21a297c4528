// Constant velocity with slow changes, sudden bounces, and a radius that drifts.
// SPDX-License-Identifier: Apache-2.0
#include "vision/circle_motion.hpp"

#include <algorithm>
#include <cmath>

namespace freshframe::vision {
namespace {

constexpr double kAcceleration = 2000;  // pixels/s^2: thrown balls at 640 to 1280 columns
constexpr double kFirstSpeed = 350;     // standard deviation of a new track's unknown velocity, pixels/s
constexpr double kFirstVariance = 2;    // of a new track's position, pixels^2
// Standard deviation of a measured centre: pixels, and fraction of the radius (blur, partial occlusion).
constexpr double kCentreNoise = 0.6, kCentreNoiseOfRadius = 0.04;
// Radius: standard deviation of its measurement and of its change per second, both as fractions.
constexpr double kRadiusNoise = 0.07, kRadiusDrift = 0.3;
constexpr double kRadiusVariance = 0.5, kFirstRadiusVariance = 1;  // pixels^2, of a track's radius
constexpr double kRadiusGain = 0.5;                                // of a new measurement
// Pairs further apart cannot be the same circle: squared standard deviations, 4 and 3 sigma.
constexpr double kCentreGate = 16, kRadiusGate = 9;
// A ball that bounces or is hit goes on from where it was with another velocity. That is rarer than going
// straight on: minus twice the log of the odds. The gate is 2.5 sigma of kFirstSpeed.
constexpr double kBounceGate = 6.25;
constexpr double kBouncePenalty = 6;
constexpr double kImpossible = 1e9;

double centre_variance(const CircleMotion::State& state) {
  const double noise = kCentreNoise + kCentreNoiseOfRadius * state.radius;
  return noise * noise;
}

struct CircleFit {
  Fit fit;
  bool bounced = false;
};

CircleFit compare(const CircleMotion::State& state, const Circle& circle) {
  const double variance = centre_variance(state);
  const auto straight = state.prediction.surprise(double{circle.x}, double{circle.y}, variance);
  const auto bounced = state.bounced.surprise(double{circle.x}, double{circle.y}, variance);
  const double straight_cost = straight.distance2 < kCentreGate ? straight.cost : kImpossible;
  const double bounced_cost = bounced.distance2 < kBounceGate ? bounced.cost + kBouncePenalty : kImpossible;
  const double change = std::log(double{circle.r} / state.radius);
  const double scale = kRadiusNoise * kRadiusNoise + state.radius_spread / (state.radius * state.radius);
  const double radius = change * change / scale;
  const double centre = std::min(straight_cost, bounced_cost);
  return {{centre < kImpossible && radius < kRadiusGate, centre + radius}, bounced_cost < straight_cost};
}

}  // namespace

CircleMotion::State CircleMotion::start(const Circle& circle) {
  const MotionFilter motion(double{circle.x}, double{circle.y}, kFirstVariance, kFirstSpeed * kFirstSpeed);
  return {.motion = motion,
          .prediction = motion,
          .bounced = motion,
          .radius = double{circle.r},
          .radius_variance = kFirstRadiusVariance};
}

void CircleMotion::predict(State& state, double dt) {
  state.prediction = state.motion;
  state.prediction.predict(dt, kAcceleration);
  state.bounced = MotionFilter(state.motion.x(), state.motion.y(), kFirstVariance, kFirstSpeed * kFirstSpeed);
  state.bounced.predict(dt, kAcceleration);
  const double drift = kRadiusDrift * state.radius * dt;
  state.radius_spread = state.radius_variance + drift * drift;
}

Fit CircleMotion::fit(const State& state, const Circle& circle) {
  return compare(state, circle).fit;
}

void CircleMotion::hit(State& state, const Circle& circle) {
  state.motion = compare(state, circle).bounced ? state.bounced : state.prediction;
  state.motion.update(double{circle.x}, double{circle.y}, centre_variance(state));
  state.radius += kRadiusGain * (double{circle.r} - state.radius);
  state.radius_variance = kRadiusVariance;
}

std::pair<double, double> CircleMotion::reach(const State& state) {
  const double variance = centre_variance(state);
  const double straight = std::sqrt(kCentreGate) * state.prediction.spread(variance);
  const double bounced = std::sqrt(kBounceGate) * state.bounced.spread(variance);
  return {std::min(state.prediction.x() - straight, state.bounced.x() - bounced),
          std::max(state.prediction.x() + straight, state.bounced.x() + bounced)};
}

double CircleMotion::spread(const State& state) {
  return state.prediction.spread(centre_variance(state));
}

TrackRules circle_rules(const CircleTrackerOptions& options) {
  return {.max_gap = options.max_gap};
}

Circles tracked_circles(const CircleTracks& tracks, const std::vector<Circle>& found) {
  const auto finds = tracks.confirmed_finds();
  Circles result{.circles = {}, .ids = {}, .tracks = {}, .tracked = true};
  result.circles.reserve(finds.size());
  result.ids.reserve(finds.size());
  result.tracks.reserve(finds.size());
  for (const std::size_t j : finds) {
    const auto& track = *tracks.confirmed(j);
    result.circles.push_back(found[j]);
    result.ids.push_back(track.id);
    result.tracks.push_back({.velocity_x = static_cast<float>(track.state.motion.velocity_x()),
                             .velocity_y = static_cast<float>(track.state.motion.velocity_y()),
                             .age = static_cast<float>(tracks.now() - track.born),
                             .confidence = static_cast<float>(track.confidence)});
  }
  return result;
}

}  // namespace freshframe::vision
