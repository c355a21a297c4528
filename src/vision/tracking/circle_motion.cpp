// Constant velocity with slow changes, sudden bounces, and a radius that drifts.
// SPDX-License-Identifier: Apache-2.0
#include "vision/tracking/circle_motion.hpp"

#include <cmath>

namespace freshframe::vision {

namespace {

// Tuned for thrown balls in images of 640 to 1280 columns.
constexpr PlaceRules kPlace = {.acceleration = 2000, .first_speed = 350, .first_place = 1.4142135623730951};
// Standard deviation of a measured centre: pixels, and fraction of the radius (blur, partial occlusion).
constexpr double kCentreNoise = 0.6, kCentreNoiseOfRadius = 0.04;
// Radius: standard deviation of its measurement and of its change per second, both as fractions.
constexpr double kRadiusNoise = 0.07, kRadiusDrift = 0.3;
constexpr double kRadiusVariance = 0.5, kFirstRadiusVariance = 1;  // pixels^2, of a track's radius
constexpr double kRadiusGain = 0.5;                                // weight of a new measurement
constexpr double kRadiusGate = 9;                                  // squared standard deviations, 3 sigma

double centre_variance(const CircleMotion::State& state) {
  const double noise = kCentreNoise + kCentreNoiseOfRadius * state.radius;
  return noise * noise;
}

}  // namespace

CircleMotion::State CircleMotion::start(const Circle& circle) {
  return {.place = PlaceMotion(double{circle.x}, double{circle.y}, kPlace),
          .radius = double{circle.r},
          .radius_variance = kFirstRadiusVariance};
}

void CircleMotion::predict(State& state, double dt) {
  state.place.predict(dt, kPlace);
  const double drift = kRadiusDrift * state.radius * dt;
  state.radius_spread = state.radius_variance + drift * drift;
}

Fit CircleMotion::fit(const State& state, const Circle& circle) {
  const auto place = state.place.match(double{circle.x}, double{circle.y}, centre_variance(state));
  const double change = std::log(double{circle.r} / state.radius);
  const double scale = kRadiusNoise * kRadiusNoise + state.radius_spread / (state.radius * state.radius);
  const double radius = change * change / scale;
  return {place.possible && radius < kRadiusGate, place.cost + radius};
}

void CircleMotion::hit(State& state, const Circle& circle) {
  state.place.hit(double{circle.x}, double{circle.y}, centre_variance(state));
  state.radius += kRadiusGain * (double{circle.r} - state.radius);
  state.radius_variance = kRadiusVariance;
}

bool CircleMotion::counts(const Circle& circle) {
  // All comparisons with NaN are false.
  const auto near = [](float coordinate) { return std::abs(coordinate) <= PlaceMotion::kFarthest; };
  return std::isfinite(circle.confidence) && near(circle.x) && near(circle.y) && near(circle.r) &&
         circle.r > 0;
}

std::pair<double, double> CircleMotion::reach(const State& state) {
  return state.place.reach(centre_variance(state));
}

double CircleMotion::spread(const State& state) {
  return state.place.prediction().spread(centre_variance(state));
}

}  // namespace freshframe::vision
