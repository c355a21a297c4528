// Computes statistics of the edges that a circle's rays have found.
// SPDX-License-Identifier: Apache-2.0
#include "vision/rim/edges.hpp"

#include <algorithm>
#include <cmath>

namespace freshframe::vision {
namespace {

constexpr float kTolerance = 1.3F, kToleranceOfRadius = 0.006F;
constexpr float kTight = 0.6F, kTightOfRadius = 0.008F;
constexpr float kMinorityCoverage = 0.55F;
// Least-squares fit over circles found by arcs: radians per rim coverage (correlation 0.5). Small circles are
// discounted like candidates.
constexpr float kArcs = 0.7F, kArcsOfCoverage = 4.2F, kSmallRadius = 10;
constexpr int kStrongMagnitude = kSeedMagnitude * 3 / 2;
// scales gradients so that their logarithms are of the order of 5
constexpr double kLogScale = 8.0 / kGradientScale;

bool on_rim(const Ray& ray, float tolerance) {
  return ray.edge != Ray::Edge::None && std::abs(ray.offset) < tolerance;
}

void add_agreeing(RimEdges& edges, const Ray& ray, Gradient gradient) {
  ++edges.agreeing;
  const double gx = gradient.x;
  const double gy = gradient.y;
  const double ux{ray.ux};
  const double uy{ray.uy};
  const double offset{ray.offset};
  const double log_magnitude = std::log(1 + kLogScale * gradient.magnitude());
  edges.square_offsets += offset * offset;
  edges.cosines += std::abs(gx * ux + gy * uy) / std::sqrt(gx * gx + gy * gy);
  edges.log_magnitudes += log_magnitude;
  edges.square_log_magnitudes += log_magnitude * log_magnitude;
  if (gradient.magnitude() >= kStrongMagnitude) ++edges.strong;
  const double cosine = ux * ux - uy * uy;  // cosine of twice the angle
  const double sine = 2 * ux * uy;
  edges.one_sided.cosine += ux;
  edges.one_sided.sine += uy;
  edges.two_sided.cosine += cosine;
  edges.two_sided.sine += sine;
  edges.elongated.cosine += offset * cosine;
  edges.elongated.sine += offset * sine;
}

// The longest cyclic run of rays without an edge, which may continue past the first ray.
class Gap {
 public:
  void miss() { ++now_; }
  void hit() {
    if (before_first_ < 0) before_first_ = now_;
    longest_ = std::max(longest_, now_);
    now_ = 0;
  }
  [[nodiscard]] int longest() const { return std::max(longest_, now_ + std::max(0, before_first_)); }

 private:
  int before_first_ = -1;
  int now_ = 0;
  int longest_ = 0;
};

}  // namespace

double Harmonic::amplitude() const noexcept {
  return std::sqrt(cosine * cosine + sine * sine);
}

float rim_tolerance(float radius) noexcept {
  return kTolerance + kToleranceOfRadius * radius;
}

float rim_coverage(const Circle& circle, const Rim& rim) noexcept {
  const float tolerance = rim_tolerance(circle.r);
  float covered = 0;
  for (const Ray& ray : rim.rays()) {
    if (on_rim(ray, tolerance)) covered += ray.edge == rim.majority() ? 1 : kMinorityCoverage;
  }
  return covered / static_cast<float>(rim.rays().size());
}

float likely_arcs(const Circle& circle, const Rim& rim) noexcept {
  return (kArcs + kArcsOfCoverage * rim_coverage(circle, rim)) * std::min(1.0F, circle.r / kSmallRadius);
}

RimEdges measure_rim_edges(const GradientField& field, const Circle& circle, const Rim& rim) noexcept {
  const float tolerance = rim_tolerance(circle.r);
  const float tight = kTight + kTightOfRadius * circle.r;
  RimEdges edges;
  Gap agreeing;
  Gap either;
  for (const Ray& ray : rim.rays()) {
    if (!on_rim(ray, tolerance)) {
      agreeing.miss();
      either.miss();
      continue;
    }
    either.hit();
    const bool is_tight = std::abs(ray.offset) < tight;
    if (is_tight) ++edges.tight_either;
    if (ray.edge != rim.majority()) {
      ++edges.opposing;
      agreeing.miss();
      continue;
    }
    agreeing.hit();
    if (is_tight) ++edges.tight;
    add_agreeing(edges, ray, field.gradient(ray.pixel));
  }
  edges.longest_gap = agreeing.longest();
  edges.longest_gap_either = either.longest();
  return edges;
}

}  // namespace freshframe::vision
