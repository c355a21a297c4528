// Fits circle and smear to the brightness on rays across the rim.
// SPDX-License-Identifier: Apache-2.0
//
// A disc that moves during the exposure has an edge that is as wide as the motion in its direction, and sharp
// across it. The square of the width in the direction n is  n' M n,  where M has rank one for uniform motion
// along a line. So M and the circle are the unknowns that all rays share. They are found by Gauss-Newton with
// a weight for each ray.
#include "vision/rim/polish.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <optional>
#include <span>

#include "vision/rim/smeared_edge.hpp"

namespace freshframe::vision {

namespace {

constexpr std::size_t kRays = 32;
constexpr std::size_t kMinEdges = kRays / 4;  // rays inside the image; fewer are not enough
constexpr int kRounds = 5;
constexpr int kMinRounds = 3;      // the first rounds determine the smear
constexpr double kSettled = 0.02;  // pixels; a smaller move ends the search
// Pixels searched inwards and outwards: half the smear plus a margin, within bounds, and inwards at most most
// of a small circle's radius.
constexpr float kMargin = 3, kMinReach = 4, kMaxReach = kMaxEdgeReach;
constexpr float kReachOfRadius = 0.7F, kMinReachOfSmall = 3;
constexpr float kBellVariance = 0.5F;  // pixels^2; blur of lens and smoothing, as measured on small discs
constexpr float kFirstWidth2 = 4;      // square of the width assumed in the first round
constexpr double kMaxWidth2 = 250;
// limits of the changes in one round
constexpr double kMaxStep = 1, kMaxWidening = 25;
// A ray has the weight (1 + e / m)^-2, where e is its mean square error, and m a multiple of the median
// error.
constexpr double kUsualError = 2.25, kLeastError = 0.05;  // grey levels, squared
constexpr double kCircleDamping = 0.05, kSmearDamping = 0.02;
constexpr float kMaxMove = 3;  // pixels; an edge that is farther away is not of this circle

struct UnitVector {
  float x = 0;
  float y = 0;
};

const auto kRayDirections = []() noexcept {
  std::array<UnitVector, kRays> made{};
  for (std::size_t i = 0; i < made.size(); ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / kRays;
    made[i] = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
  }
  return made;
}();

// M above.
struct Smear {
  double xx = double{kFirstWidth2};
  double xy = 0;
  double yy = double{kFirstWidth2};

  [[nodiscard]] float width2(const UnitVector& n) const {
    const double x{n.x};
    const double y{n.y};
    return static_cast<float>(xx * x * x + 2 * xy * x * y + yy * y * y);
  }
  [[nodiscard]] float largest_width2() const { return static_cast<float>((xx + yy) / 2 + radius()); }
  // Replaces the matrix by the nearest one of rank one, with a measurable width.
  void straighten() {
    const double length = radius();
    const double largest = std::clamp((xx + yy) / 2 + length, 0.0, kMaxWidth2);
    const double half = length > 0 ? largest / (2 * length) : 0;
    const double difference = half * (xx - yy) / 2;
    xx = largest / 2 + difference;
    yy = largest / 2 - difference;
    xy *= half;
  }

 private:
  [[nodiscard]] double radius() const { return std::hypot((xx - yy) / 2, xy); }
};

class RaySampler {
 public:
  RaySampler(const GradientField& field, const Circle& circle, int reach)
      : field_(field), circle_(circle), reach_(reach) {}

  // Returns the brightness at whole pixels from the rim, or nothing if a place is outside of the image.
  [[nodiscard]] EdgeSamples sample(const UnitVector& n) {
    const auto right = static_cast<float>(field_.width() - 2);
    const auto bottom = static_cast<float>(field_.height() - 2);
    const std::size_t size = 2 * static_cast<std::size_t>(reach_) + 1;
    for (std::size_t k = 0; k < size; ++k) {
      const float distance = circle_.r + static_cast<float>(static_cast<int>(k) - reach_);
      const float x = circle_.x + distance * n.x;
      const float y = circle_.y + distance * n.y;
      if (!(x >= 0 && y >= 0 && x < right && y < bottom)) return {};
      const int column = static_cast<int>(x);
      const int row = static_cast<int>(y);
      const float part_x = x - static_cast<float>(column);
      const float part_y = y - static_cast<float>(row);
      const int pixel = row * field_.stride() + column;
      const float above = mix(pixel, part_x);
      const float below = mix(pixel + field_.stride(), part_x);
      samples_[k] = above + part_y * (below - above);
    }
    return std::span(samples_).first(size);
  }

 private:
  [[nodiscard]] float mix(int pixel, float part) const {
    const auto left = static_cast<float>(field_.read_smoothed(pixel));
    const auto right = static_cast<float>(field_.read_smoothed(pixel + 1));
    return (left + part * (right - left)) / kLumaScale;
  }

  const GradientField& field_;
  Circle circle_;
  int reach_;
  std::array<float, kMaxEdgeSamples> samples_{};
};

struct RayEvidence {
  UnitVector n;
  EdgeEvidence edge;
};

class Evidence {
 public:
  Evidence(const GradientField& field, const Circle& circle, const Smear& smear) {
    const float largest = smear.largest_width2();
    const float wanted = std::clamp(std::ceil(std::sqrt(largest) / 2 + kMargin), kMinReach, kMaxReach);
    const float reach = std::min(wanted, std::max(kReachOfRadius * circle.r, kMinReachOfSmall));
    RaySampler sampler(field, circle, static_cast<int>(reach));
    for (const UnitVector& n : kRayDirections) {
      const EdgeSamples samples = sampler.sample(n);
      if (samples.empty()) continue;
      const float width2 = std::max(smear.width2(n), kMinEdgeWidth * kMinEdgeWidth);
      // Blur moves the middle of a bent edge inwards, by its variance over 2r; a box has width^2 / 12.
      const float across2 = std::max(0.0F, largest - width2) / 12;
      const float offset = -(across2 + kBellVariance) / (2 * circle.r);
      rays_[size_++] = {n, fit_edge(samples, std::sqrt(width2), offset)};
    }
  }
  [[nodiscard]] std::span<const RayEvidence> rays() const { return std::span(rays_).first(size_); }
  [[nodiscard]] double median_residual() const {
    std::array<double, kRays> all{};
    for (std::size_t i = 0; i < size_; ++i) all[i] = rays_[i].edge.residual;
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(size_ / 2);
    std::nth_element(all.begin(), middle, all.begin() + static_cast<std::ptrdiff_t>(size_));
    return *middle;
  }

 private:
  std::array<RayEvidence, kRays> rays_;
  std::size_t size_ = 0;
};

constexpr std::size_t kUnknowns = 6;  // x, y, r; xx, xy, yy of the smear
using Unknowns = std::array<double, kUnknowns>;

// Normal equations of all rays.
class Equations {
 public:
  void add(const RayEvidence& ray, double weight) {
    const double x{ray.n.x};
    const double y{ray.n.y};
    const Unknowns row{x, y, 1, x * x, 2 * x * y, y * y};
    const auto& [of_offset, of_both, of_width] = ray.edge.curvature;
    for (std::size_t i = 0; i < kUnknowns; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        const double curvature = i < 3 ? of_offset : j < 3 ? of_both : of_width;
        left_[i][j] += weight * curvature * row[i] * row[j];
      }
      right_[i] += weight * ray.edge.direction[i < 3 ? 0 : 1] * row[i];
    }
  }

  // Solves the system by Cholesky decomposition. Returns nullopt if it is singular.
  [[nodiscard]] std::optional<Unknowns> solve() {
    for (std::size_t i = 0; i < kUnknowns; ++i) left_[i][i] += i < 3 ? kCircleDamping : kSmearDamping;
    for (std::size_t i = 0; i < kUnknowns; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = left_[i][j];
        for (std::size_t k = 0; k < j; ++k) sum -= left_[i][k] * left_[j][k];
        if (i == j && !(sum > 0)) return std::nullopt;
        left_[i][j] = i == j ? std::sqrt(sum) : sum / left_[j][j];
      }
    }
    Unknowns x = right_;
    for (std::size_t i = 0; i < kUnknowns; ++i) {
      for (std::size_t k = 0; k < i; ++k) x[i] -= left_[i][k] * x[k];
      x[i] /= left_[i][i];
    }
    for (std::size_t i = kUnknowns; i-- > 0;) {
      for (std::size_t k = i + 1; k < kUnknowns; ++k) x[i] -= left_[k][i] * x[k];
      x[i] /= left_[i][i];
    }
    return x;
  }

 private:
  std::array<Unknowns, kUnknowns> left_{};  // the lower half
  Unknowns right_{};
};

std::optional<Unknowns> compute_step(const Evidence& evidence) {
  if (evidence.rays().size() < kMinEdges) return std::nullopt;
  const double median = evidence.median_residual();
  const double usual = kUsualError * median + 1e-6;
  Equations equations;
  for (const RayEvidence& ray : evidence.rays()) {
    const double trust = 1 / (1 + ray.edge.residual / usual);
    equations.add(ray, trust * trust / (median + kLeastError));
  }
  return equations.solve();
}

}  // namespace

Circle polished(const GradientField& field, const Circle& circle) noexcept {
  Circle now = circle;
  Smear smear;
  for (int round = 0; round < kRounds; ++round) {
    const auto step = compute_step(Evidence(field, now, smear));
    if (!step) return circle;
    const auto limited = [&](std::size_t i, double limit) { return std::clamp((*step)[i], -limit, limit); };
    now.x += static_cast<float>(limited(0, kMaxStep));
    now.y += static_cast<float>(limited(1, kMaxStep));
    now.r += static_cast<float>(limited(2, kMaxStep));
    smear.xx = std::max(0.0, smear.xx + limited(3, kMaxWidening));
    smear.xy += limited(4, kMaxWidening);
    smear.yy = std::max(0.0, smear.yy + limited(5, kMaxWidening));
    const double limit = std::sqrt(smear.xx * smear.yy);
    smear.xy = std::clamp(smear.xy, -limit, limit);
    if (round > 0) smear.straighten();
    const float moved = std::hypot(now.x - circle.x, now.y - circle.y) + std::abs(now.r - circle.r);
    if (!(moved <= kMaxMove)) return circle;
    const double last = std::hypot((*step)[0], (*step)[1]) + std::abs((*step)[2]);
    if (round + 1 >= kMinRounds && last < kSettled) break;
  }
  return now;
}

}  // namespace freshframe::vision
