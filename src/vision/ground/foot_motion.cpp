// The filter's steps.
// SPDX-License-Identifier: Apache-2.0
#include "vision/ground/foot_motion.hpp"

#include <array>
#include <cmath>
#include <limits>

namespace freshframe::vision {
namespace {

constexpr double kLeastAge = 0.499;  // seconds (half a second in whatever rounding) and
constexpr int kLeastHits = 4;        // measurements before which no speed is given
constexpr int kKnownHits = 5;        // measurements after which a foot can be covered
// A foot is covered that is so many standard deviations (of itself and of the prediction) above the predicted one,
// or so much of the box's height and so many standard deviations of itself.
constexpr double kSurprise = 3.5;
constexpr double kStillSurprise =
    1.5;  // of one that was covered: the others of the same barrier pass no gate by chance
constexpr double kCoveredOfHeight = 0.12;
constexpr double kCoveredSigmas = 3;
constexpr double kLongestCover = 1;  // seconds
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// J R J' of the pixels' variances: xx, xy, yy.
PlaceNoise noise_of(const std::array<double, 4>& j, const Foot& foot) {
  const double a = foot.sigma_u * foot.sigma_u;
  const double b = foot.sigma_v * foot.sigma_v;
  return {j[0] * j[0] * a + j[1] * j[1] * b, j[0] * j[2] * a + j[1] * j[3] * b,
          j[2] * j[2] * a + j[3] * j[3] * b};
}

// Standard deviation of an expected place in pixels downwards.
double down_of(const std::array<double, 4>& j, const Belief& expected) {
  const double determinant = j[0] * j[3] - j[1] * j[2];
  const double of_x = -j[2] / determinant;  // pixels downwards per metre
  const double of_y = j[0] / determinant;
  const auto& p = expected.covariance;
  return std::sqrt(of_x * of_x * p[0][0] + 2 * of_x * of_y * p[0][1] + of_y * of_y * p[1][1]);
}

}  // namespace

void FootMotion::begin(const Ground& ground, const Place& place, const PlaceNoise& noise, double time) {
  first_ = last_ = time;
  hits_ = 1;
  covered_since_.reset();
  motions_.emplace(place, noise, ground.options().acceleration);
}

bool FootMotion::is_covered(const Ground& ground, const Belief& expected, const Foot& foot) const {
  if (hits_ < kKnownHits) return false;
  const auto pixel = ground.pixel({expected.mean[0], expected.mean[1]});
  if (!pixel) return false;
  const double above = pixel->y - foot.v;
  if (above > kCoveredOfHeight * foot.height + kCoveredSigmas * foot.sigma_v) return true;
  const auto spot = ground.at(pixel->x, pixel->y);
  const double sigmas = covered_since_ ? kStillSurprise : kSurprise;
  return spot && above > sigmas * std::hypot(foot.sigma_v, down_of(spot->jacobian, expected));
}

void FootMotion::see(const Ground& ground, double time, const Foot& foot) {
  const auto spot = ground.at(foot.u, foot.v);
  if (!spot) return;
  const auto noise = noise_of(spot->jacobian, foot);
  if (!motions_) return begin(ground, spot->place, noise, time);
  auto predicted = *motions_;
  predicted.predict(time - last_);
  if (is_covered(ground, predicted.now(), foot)) {
    if (!covered_since_) covered_since_ = time;
    if (time - *covered_since_ < kLongestCover) return;
    return begin(ground, spot->place, noise, time);
  }
  covered_since_.reset();
  predicted.see(spot->place, noise);
  motions_ = predicted;
  last_ = time;
  ++hits_;
}

GroundTrack FootMotion::at(const Ground& ground, double time) const {
  if (!motions_) return {{kUnknown, kUnknown}, kUnknown, kUnknown, kUnknown, kUnknown};
  auto motions = *motions_;
  if (time > last_) motions.predict(time - last_);
  const auto [x, p] = motions.now();
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
