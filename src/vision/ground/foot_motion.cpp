// The steps of the filter.
// SPDX-License-Identifier: Apache-2.0
#include "vision/ground/foot_motion.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace freshframe::vision {

namespace {

constexpr double kUnknownSpeed = 20;  // standard deviation of an unknown speed, in m/s
// Multiples of GroundOptions::acceleration. Steady motion: white acceleration (m/s per root s). Changing
// motion: standard deviation of its acceleration (m/s^2), and white jerk (m/s^2 per root s).
constexpr double kOfSteady = 1.0 / 7;
constexpr double kOfChange = 13.0 / 7;
constexpr double kOfJerk = 1;
// With a smaller initial weight, the filter would react late to a car that is already braking when first
// seen.
constexpr double kFirstSteady = 0.08;
constexpr double kStay = 20;  // mean seconds until one kind of motion changes to the other

constexpr std::size_t kGroundAxes = 2;
constexpr std::size_t kVelocityRow = 2;
constexpr std::size_t kAccelerationRow = 4;

// Predicts A x and A P A' with A = [1 dt dt^2/2; 0 1 dt; 0 0 1] for each axis.
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

// White noise, integrated twice or, with an acceleration, three times.
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

// Steady motion has zero acceleration.
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

// Kalman update with a measured place.
Surprise update(const Place& place, const PlaceNoise& noise, Belief& belief) {
  auto& p = belief.covariance;
  const double sxx = p[0][0] + noise[0];
  const double sxy = p[0][1] + noise[1];
  const double syy = p[1][1] + noise[2];
  const double determinant = sxx * syy - sxy * sxy;
  if (!(determinant > 0)) return {};  // the ground plane is seen edge-on
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

Belief TwoMotions::combine_beliefs(const Weights& weights) const {
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
    mixed[to] = combine_beliefs(from);
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
  return combine_beliefs(weights_);
}

namespace {

constexpr double kLeastAge = 0.499;  // seconds (half a second, allowing for rounding), and
constexpr int kLeastHits = 4;        // number of measurements before a speed is reported
constexpr int kKnownHits = 5;        // number of measurements before a foot can be judged as occluded
// A foot counts as occluded if it is above the predicted one by kSurprise standard deviations (of the
// measurement and the prediction), or by the two limits that follow: a fraction of the box's height, and a
// number of standard deviations of the measurement.
constexpr double kSurprise = 3.5;
// A lower limit for an object that is already occluded, because its later measurements behind the same
// barrier do not deviate by chance.
constexpr double kStillSurprise = 1.5;
constexpr double kCoveredOfHeight = 0.12;
constexpr double kCoveredSigmas = 3;
constexpr double kLongestCover = 1;  // seconds
// An occluder hides an object only if its box is where it is expected, apart from its lower edge: within this
// share of its height, plus this number of standard deviations. Otherwise the id has moved to an object that
// is farther away.
constexpr double kInPlaceOfHeight = 0.2;
constexpr double kInPlaceSigmas = 4;
// It is another object if its foot is at least this number of standard deviations (of the measurement and the
// prediction), and at least this share of the larger height, away from the expected place. The second limit
// is for detectors whose boxes are less exact than is assumed here.
constexpr int kPlacedHits = 2;  // measurements after which another object is distinguished from the first one
constexpr double kAnotherSigmas = 5;
constexpr double kAnotherOfHeight = 0.3;
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// Returns J R J' for the pixel variances: xx, xy, yy.
PlaceNoise compute_noise(const std::array<double, 4>& j, const Foot& foot) {
  const double a = foot.sigma_u * foot.sigma_u;
  const double b = foot.sigma_v * foot.sigma_v;
  return {j[0] * j[0] * a + j[1] * j[1] * b, j[0] * j[2] * a + j[1] * j[3] * b,
          j[2] * j[2] * a + j[3] * j[3] * b};
}

// Returns the vertical standard deviation of an expected place, in pixels.
double compute_down(const std::array<double, 4>& j, const Belief& expected) {
  const double determinant = j[0] * j[3] - j[1] * j[2];
  const double of_x = -j[2] / determinant;  // vertical pixels per metre
  const double of_y = j[0] / determinant;
  const auto& p = expected.covariance;
  return std::sqrt(of_x * of_x * p[0][0] + 2 * of_x * of_y * p[0][1] + of_y * of_y * p[1][1]);
}

// Returns the metres per horizontal pixel, which also holds for upright objects.
double compute_scale(const std::array<double, 4>& j) {
  return std::hypot(j[0], j[2]);
}

}  // namespace

void FootMotion::begin_track(const Ground& ground, const Measured& measured, double time) {
  first_ = last_ = time;
  hits_ = 1;
  height_ = measured.height;
  covered_since_.reset();
  motions_.emplace(measured.place, measured.noise, ground.options().acceleration);
}

std::optional<FootMotion::Outlook> FootMotion::compute_outlook(const Ground& ground,
                                                               const Belief& expected) const {
  const auto pixel = ground.pixel({expected.mean[0], expected.mean[1]});
  const auto spot = pixel ? ground.at(pixel->x, pixel->y) : std::nullopt;
  if (!spot) return std::nullopt;
  return Outlook{*pixel, height_ / compute_scale(spot->jacobian), compute_down(spot->jacobian, expected)};
}

bool FootMotion::is_raised(const Outlook& outlook, const Foot& foot) const {
  if (hits_ < kKnownHits) return false;
  const double above = outlook.pixel.y - foot.v;
  if (above > kCoveredOfHeight * foot.height + kCoveredSigmas * foot.sigma_v) return true;
  const double sigmas = covered_since_ ? kStillSurprise : kSurprise;
  return above > sigmas * std::hypot(foot.sigma_v, outlook.sigma_down);
}

bool FootMotion::is_in_place(const Outlook& outlook, const Foot& foot) {
  const double across = std::abs(foot.u - outlook.pixel.x);
  const double of_top = std::abs((foot.v - foot.height) - (outlook.pixel.y - outlook.height));
  const double room = kInPlaceOfHeight * outlook.height;
  return across <= room + kInPlaceSigmas * foot.sigma_u && of_top <= room + kInPlaceSigmas * foot.sigma_v;
}

bool FootMotion::is_far(const Outlook& outlook, const Foot& foot) {
  const double away = std::hypot(foot.u - outlook.pixel.x, foot.v - outlook.pixel.y);
  return away > kAnotherOfHeight * std::max(foot.height, outlook.height);
}

bool FootMotion::is_surprise(const Belief& expected, const Measured& measured) {
  const auto& [place, noise, height] = measured;
  const auto& p = expected.covariance;
  const double xx = p[0][0] + noise[0];
  const double xy = p[0][1] + noise[1];
  const double yy = p[1][1] + noise[2];
  const double dx = place.x - expected.mean[0];
  const double dy = place.y - expected.mean[1];
  // Squared Mahalanobis distance.
  const double distance2 = (dx * dx * yy - 2 * dx * dy * xy + dy * dy * xx) / (xx * yy - xy * xy);
  return distance2 > kAnotherSigmas * kAnotherSigmas;
}

void FootMotion::see(const Ground& ground, double time, const Foot& foot) {
  const auto spot = ground.at(foot.u, foot.v);
  if (!spot) return;
  const Measured measured{spot->place, compute_noise(spot->jacobian, foot),
                          foot.height * compute_scale(spot->jacobian)};
  if (!motions_) return begin_track(ground, measured, time);
  auto predicted = *motions_;
  predicted.predict(time - last_);
  const auto expected = predicted.now();
  const auto outlook = compute_outlook(ground, expected);
  const bool raised = outlook && is_raised(*outlook, foot);
  const bool covered = raised && is_in_place(*outlook, foot);
  const bool may_be_another = hits_ >= kPlacedHits && (!outlook || is_far(*outlook, foot));
  if (may_be_another && !covered && is_surprise(expected, measured))
    return begin_track(ground, measured, time);
  if (raised) {
    if (!covered_since_) covered_since_ = time;
    if (time - *covered_since_ < kLongestCover) return;
    return begin_track(ground, measured, time);
  }
  covered_since_.reset();
  predicted.see(measured.place, measured.noise);
  motions_ = predicted;
  height_ = measured.height;
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
  // Along the direction of motion, or along the larger axis if there is no motion.
  const double ux = result.speed > 1e-9 ? x[2] / result.speed : 1;
  const double uy = result.speed > 1e-9 ? x[3] / result.speed : 0;
  const double variance = ux * ux * p[2][2] + 2 * ux * uy * p[2][3] + uy * uy * p[3][3];
  const auto pixel = ground.pixel(result.place);
  const double clicks = pixel ? ground.estimate_speed_error(pixel->x, pixel->y, x[2], x[3]) : 0;
  result.speed_error = std::sqrt(variance + (std::isfinite(clicks) ? clicks * clicks : 0));
  return result;
}

}  // namespace freshframe::vision
