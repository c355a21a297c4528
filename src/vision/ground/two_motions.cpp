// Mixing, prediction and update of the two filters.
// SPDX-License-Identifier: Apache-2.0
#include "vision/ground/two_motions.hpp"

#include <algorithm>
#include <cmath>

namespace freshframe::vision {
namespace {

constexpr double kUnknownSpeed = 20;  // m/s: standard deviation of a speed that is not known
// Shares of GroundOptions::acceleration: white acceleration of steady motion (m/s per root s), and of
// changing motion the standard deviation of its acceleration (m/s^2) and its white jerk (m/s^2 per root s).
constexpr double kOfSteady = 1.0 / 7;
constexpr double kOfChange = 13.0 / 7;
constexpr double kOfJerk = 1;
// With a smaller weight at first, a car that brakes from its first sight on is noticed late.
constexpr double kFirstSteady = 0.08;
constexpr double kStay = 20;  // seconds: mean time until one motion becomes the other

constexpr std::size_t kGroundAxes = 2;
constexpr std::size_t kVelocityRow = 2;
constexpr std::size_t kAccelerationRow = 4;

// A x and A P A' with A = [1 dt dt^2/2; 0 1 dt; 0 0 1] of each axis.
void move(double dt, Belief& belief) {
  const auto step = [dt](auto&& number) {
    for (std::size_t i = 0; i < kGroundAxes; ++i) {
      number(i) += dt * number(i + kVelocityRow) + dt * dt / 2 * number(i + kAccelerationRow);
      number(i + kVelocityRow) += dt * number(i + kAccelerationRow);
    }
  };
  step([&](std::size_t i) -> double& { return belief.mean[i]; });
  for (std::size_t k = 0; k < Belief::kNumbers; ++k)
    step([&](std::size_t i) -> double& { return belief.covariance[i][k]; });
  for (std::size_t k = 0; k < Belief::kNumbers; ++k)
    step([&](std::size_t i) -> double& { return belief.covariance[k][i]; });
}

// White noise that is integrated twice or, with an acceleration, three times.
void disturb_steady(double dt, double acceleration, Belief& belief) {
  const double q = acceleration * acceleration;
  auto& p = belief.covariance;
  for (std::size_t i = 0; i < kGroundAxes; ++i) {
    const auto v = i + kVelocityRow;
    p[i][i] += q * dt * dt * dt / 3;
    p[i][v] += q * dt * dt / 2;
    p[v][i] += q * dt * dt / 2;
    p[v][v] += q * dt;
  }
}

void disturb_changing(double dt, double jerk, Belief& belief) {
  const double q = jerk * jerk;
  const std::array<std::array<double, 3>, 3> noise = {
      {{std::pow(dt, 5) / 20, std::pow(dt, 4) / 8, dt * dt * dt / 6},
       {std::pow(dt, 4) / 8, dt * dt * dt / 3, dt * dt / 2},
       {dt * dt * dt / 6, dt * dt / 2, dt}}};
  for (std::size_t i = 0; i < kGroundAxes; ++i) {
    for (std::size_t a = 0; a < 3; ++a) {
      for (std::size_t b = 0; b < 3; ++b)
        belief.covariance[i + a * kGroundAxes][i + b * kGroundAxes] += q * noise[a][b];
    }
  }
}

// Steady motion has no acceleration.
void forget_acceleration(Belief& belief) {
  for (std::size_t i = kAccelerationRow; i < Belief::kNumbers; ++i) {
    belief.mean[i] = 0;
    for (std::size_t k = 0; k < Belief::kNumbers; ++k) belief.covariance[i][k] = belief.covariance[k][i] = 0;
  }
}

struct Surprise {
  double distance2 = 0;  // squared standard deviations
  double determinant = 1;
};

// A Kalman filter's update with a place.
Surprise update(const Place& place, const PlaceNoise& noise, Belief& belief) {
  auto& p = belief.covariance;
  const double sxx = p[0][0] + noise[0];
  const double sxy = p[0][1] + noise[1];
  const double syy = p[1][1] + noise[2];
  const double determinant = sxx * syy - sxy * sxy;
  if (!(determinant > 0)) return {};  // a plane seen from its edge
  const double dx = place.x - belief.mean[0];
  const double dy = place.y - belief.mean[1];
  const auto before = p;
  for (std::size_t i = 0; i < Belief::kNumbers; ++i) {
    const double gain_x = (before[i][0] * syy - before[i][1] * sxy) / determinant;
    const double gain_y = (before[i][1] * sxx - before[i][0] * sxy) / determinant;
    belief.mean[i] += gain_x * dx + gain_y * dy;
    for (std::size_t k = 0; k < Belief::kNumbers; ++k)
      p[i][k] -= gain_x * before[0][k] + gain_y * before[1][k];
  }
  return {(dx * dx * syy - 2 * dx * dy * sxy + dy * dy * sxx) / determinant, determinant};
}

}  // namespace

TwoMotions::TwoMotions(const Place& place, const PlaceNoise& noise, double acceleration)
    : acceleration_(acceleration), weights_{kFirstSteady, 1 - kFirstSteady} {
  for (auto& [mean, covariance] : beliefs_) {
    mean = {place.x, place.y};
    covariance[0][0] = noise[0];
    covariance[0][1] = covariance[1][0] = noise[1];
    covariance[1][1] = noise[2];
    covariance[2][2] = covariance[3][3] = kUnknownSpeed * kUnknownSpeed;
  }
  auto& changing = beliefs_[kChanging].covariance;
  changing[4][4] = changing[5][5] = std::pow(kOfChange * acceleration, 2);
}

Belief TwoMotions::combined(const Weights& weights) const {
  Belief result;
  for (std::size_t m = 0; m < kModels; ++m) {
    for (std::size_t i = 0; i < Belief::kNumbers; ++i) result.mean[i] += weights[m] * beliefs_[m].mean[i];
  }
  for (std::size_t m = 0; m < kModels; ++m) {
    const auto& [mean, covariance] = beliefs_[m];
    for (std::size_t i = 0; i < Belief::kNumbers; ++i) {
      for (std::size_t k = 0; k < Belief::kNumbers; ++k) {
        const double spread = (mean[i] - result.mean[i]) * (mean[k] - result.mean[k]);
        result.covariance[i][k] += weights[m] * (covariance[i][k] + spread);
      }
    }
  }
  return result;
}

void TwoMotions::mix(double dt) {
  const double stays = std::exp(-dt / kStay);
  std::array<Belief, kModels> mixed;
  Weights weights{};
  for (std::size_t to = 0; to < kModels; ++to) {
    Weights from{};
    for (std::size_t m = 0; m < kModels; ++m) from[m] = weights_[m] * (m == to ? stays : 1 - stays);
    weights[to] = from[0] + from[1];
    if (weights[to] > 0) {
      for (auto& each : from) each /= weights[to];
    } else {
      from = {};
      from[to] = 1;
    }
    mixed[to] = combined(from);
    if (to != kChanging) continue;
    const double fresh = from[kSteady] * std::pow(kOfChange * acceleration_, 2);
    for (std::size_t i = kAccelerationRow; i < Belief::kNumbers; ++i) mixed[to].covariance[i][i] += fresh;
  }
  beliefs_ = mixed;
  weights_ = weights;
}

void TwoMotions::predict(double dt) {
  mix(dt);
  forget_acceleration(beliefs_[kSteady]);
  for (auto& each : beliefs_) move(dt, each);
  disturb_steady(dt, kOfSteady * acceleration_, beliefs_[kSteady]);
  disturb_changing(dt, kOfJerk * acceleration_, beliefs_[kChanging]);
}

void TwoMotions::see(const Place& place, const PlaceNoise& noise) {
  std::array<Surprise, kModels> found{};
  for (std::size_t m = 0; m < kModels; ++m) found[m] = update(place, noise, beliefs_[m]);
  const double least = std::min(found[0].distance2, found[1].distance2);
  double sum = 0;
  for (std::size_t m = 0; m < kModels; ++m) {
    weights_[m] *= std::exp((least - found[m].distance2) / 2) / std::sqrt(found[m].determinant);
    sum += weights_[m];
  }
  if (!(sum > 0) || !std::isfinite(sum)) {
    weights_ = {kFirstSteady, 1 - kFirstSteady};
    return;
  }
  for (auto& each : weights_) each /= sum;
}

Belief TwoMotions::now() const {
  return combined(weights_);
}

}  // namespace freshframe::vision
