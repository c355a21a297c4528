// The filter's steps.
// SPDX-License-Identifier: Apache-2.0
#include "vision/ground/foot_motion.hpp"

#include <cmath>
#include <cstddef>
#include <limits>

namespace freshframe::vision {
namespace {

constexpr double kUnknownSpeed = 20;       // m/s: standard deviation of a speed that is not known
constexpr double kLeastAge = 0.499;        // seconds (half a second in whatever rounding) and
constexpr int kLeastHits = 4;              // measurements before which no speed is given
constexpr int kKnownHits = 5;              // measurements after which a foot can be covered
constexpr double kCoveredOfHeight = 0.12;  // so much of the box's height and
constexpr double kCoveredSigmas = 3;       // so many standard deviations above the predicted foot
constexpr double kLongestCover = 1;        // seconds
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// J R J' of the pixels' variances: xx, xy, yy.
std::array<double, 3> noise_of(const std::array<double, 4>& j, const Foot& foot) {
  const double a = foot.sigma_u * foot.sigma_u;
  const double b = foot.sigma_v * foot.sigma_v;
  return {j[0] * j[0] * a + j[1] * j[1] * b, j[0] * j[2] * a + j[1] * j[3] * b,
          j[2] * j[2] * a + j[3] * j[3] * b};
}

}  // namespace

void FootMotion::begin(const Ground::Spot& spot, const std::array<double, 3>& noise, double time) {
  begun_ = true;
  first_ = last_ = time;
  hits_ = 1;
  covered_since_.reset();
  state_ = {spot.place.x, spot.place.y, 0, 0};
  covariance_ = {};
  covariance_[0][0] = noise[0];
  covariance_[0][1] = covariance_[1][0] = noise[1];
  covariance_[1][1] = noise[2];
  covariance_[2][2] = covariance_[3][3] = kUnknownSpeed * kUnknownSpeed;
}

void FootMotion::predict(double dt, double acceleration, Vector& x, Matrix& p) const {
  const double q = acceleration * acceleration;
  for (std::size_t i = 0; i < 2; ++i) x[i] += dt * x[i + 2];
  // A P A' with A = [1 dt; 0 1] of each axis.
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t k = 0; k < 4; ++k) p[i][k] += dt * p[i + 2][k];
  }
  for (std::size_t k = 0; k < 4; ++k) {
    for (std::size_t i = 0; i < 2; ++i) p[k][i] += dt * p[k][i + 2];
  }
  for (std::size_t i = 0; i < 2; ++i) {
    p[i][i] += q * dt * dt * dt / 3;
    p[i][i + 2] += q * dt * dt / 2;
    p[i + 2][i] += q * dt * dt / 2;
    p[i + 2][i + 2] += q * dt;
  }
}

bool FootMotion::is_covered(const Ground& ground, double time, const Foot& foot) const {
  if (hits_ < kKnownHits) return false;
  const double dt = time - last_;
  const auto expected = ground.pixel({state_[0] + dt * state_[2], state_[1] + dt * state_[3]});
  return expected && expected->y - foot.v > kCoveredOfHeight * foot.height + kCoveredSigmas * foot.sigma_v;
}

void FootMotion::see(const Ground& ground, double time, const Foot& foot) {
  const auto spot = ground.at(foot.u, foot.v);
  if (!spot) return;
  const auto noise = noise_of(spot->jacobian, foot);
  if (!begun_) return begin(*spot, noise, time);
  if (is_covered(ground, time, foot)) {
    if (!covered_since_) covered_since_ = time;
    if (time - *covered_since_ < kLongestCover) return;
    return begin(*spot, noise, time);
  }
  covered_since_.reset();
  predict(time - last_, ground.options().acceleration, state_, covariance_);
  last_ = time;
  ++hits_;
  auto& p = covariance_;
  const double sxx = p[0][0] + noise[0];
  const double sxy = p[0][1] + noise[1];
  const double syy = p[1][1] + noise[2];
  const double determinant = sxx * syy - sxy * sxy;
  if (!(determinant > 0)) return begin(*spot, noise, time);
  const double dx = spot->place.x - state_[0];
  const double dy = spot->place.y - state_[1];
  const Matrix before = p;
  for (std::size_t i = 0; i < 4; ++i) {
    const double gain_x = (before[i][0] * syy - before[i][1] * sxy) / determinant;
    const double gain_y = (before[i][1] * sxx - before[i][0] * sxy) / determinant;
    state_[i] += gain_x * dx + gain_y * dy;
    for (std::size_t k = 0; k < 4; ++k) p[i][k] -= gain_x * before[0][k] + gain_y * before[1][k];
  }
}

GroundTrack FootMotion::at(const Ground& ground, double time) const {
  if (!begun_) return {{kUnknown, kUnknown}, kUnknown, kUnknown, kUnknown, kUnknown};
  Vector x = state_;
  Matrix p = covariance_;
  predict(time - last_, ground.options().acceleration, x, p);
  GroundTrack result{{x[0], x[1]}, kUnknown, kUnknown, kUnknown, kUnknown};
  if (hits_ < kLeastHits || last_ - first_ < kLeastAge) return result;
  result.velocity_x = x[2];
  result.velocity_y = x[3];
  result.speed = std::hypot(x[2], x[3]);
  // Along the direction of the motion. Without one it is that of the larger axis.
  const double ux = result.speed > 1e-9 ? x[2] / result.speed : 1;
  const double uy = result.speed > 1e-9 ? x[3] / result.speed : 0;
  const double variance = ux * ux * p[2][2] + 2 * ux * uy * p[2][3] + uy * uy * p[3][3];
  const auto pixel = ground.pixel(result.place);
  const double clicks = pixel ? ground.speed_error_of_clicks(pixel->x, pixel->y, x[2], x[3]) : 0;
  result.speed_error = std::sqrt(variance + (std::isfinite(clicks) ? clicks * clicks : 0));
  return result;
}

}  // namespace freshframe::vision
