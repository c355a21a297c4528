// The 16 numbers per candidate that the learned validation judges by. Changing one means training again
// (tools/circles).
// SPDX-License-Identifier: Apache-2.0
#include "vision/rim_features.hpp"

#include <algorithm>
#include <cmath>

namespace freshframe::vision {
namespace {

constexpr float kTolerance = 1.3F, kToleranceOfRadius = 0.006F;
constexpr float kTight = 0.6F, kTightOfRadius = 0.008F;
constexpr float kMinorityCoverage = 0.55F;
constexpr int kStrongMagnitude = kSeedMagnitude * 3 / 2;

// Brightness is compared this far inside and outside of the rim, and edges are counted on control rings this
// far away, where a circle has none but texture has (fraction of the radius, pixels at least).
constexpr float kSideOfRadius = 0.12F, kMinSide = 2;
constexpr float kRingOfRadius = 0.3F, kMinRing = 3;

// What the rays say about the edges on the rim.
struct RimEdges {
  int tight = 0;     // of the majority's polarity, very close
  int agreeing = 0;  // of the majority's polarity
  int opposing = 0;  // of the other
  int strong = 0;    // of the majority's polarity, with a clear contrast
  int longest_gap = 0;
  double square_offsets = 0;
  double cosines = 0;
  double log_magnitudes = 0;
};

RimEdges measure_edges(const GradientField& field, const Circle& circle, const Rim& rim) {
  const float tolerance = rim_tolerance(circle.r);
  const float tight = kTight + kTightOfRadius * circle.r;
  RimEdges edges;
  int first = -1;
  int gap = 0;
  int i = -1;
  for (const Ray& ray : rim.rays()) {
    ++i;
    ++gap;
    if (ray.edge == Ray::Edge::None || std::abs(ray.offset) >= tolerance) continue;
    if (ray.edge != rim.majority()) {
      ++edges.opposing;
      continue;
    }
    ++edges.agreeing;
    if (std::abs(ray.offset) < tight) ++edges.tight;
    const Gradient gradient = field.gradient(ray.pixel);
    const auto gx = static_cast<float>(gradient.x);
    const auto gy = static_cast<float>(gradient.y);
    edges.square_offsets += double{ray.offset} * double{ray.offset};
    edges.cosines += double{std::abs(gx * ray.ux + gy * ray.uy) / std::sqrt(gx * gx + gy * gy)};
    edges.log_magnitudes += std::log(1.0 + gradient.magnitude());
    if (gradient.magnitude() >= kStrongMagnitude) ++edges.strong;
    if (first < 0) first = i;
    edges.longest_gap = std::max(edges.longest_gap, gap - 1);
    gap = 0;
  }
  // The last gap goes on over ray 0.
  edges.longest_gap = std::max(edges.longest_gap, first < 0 ? gap : gap + first);
  return edges;
}

// Mean and deviation of the brightness on one ring.
struct Ring {
  double sum = 0;
  double squares = 0;

  void add(int value) {
    sum += value;
    squares += double(value) * value;
  }
  [[nodiscard]] double mean(int n) const { return sum / n; }
  [[nodiscard]] double deviation(int n) const {
    return std::sqrt(std::max(0.0, squares / n - mean(n) * mean(n)));
  }
};

// What the surroundings of the rim look like.
struct Surroundings {
  Ring inner;
  Ring outer;
  double differences = 0;  // absolute, outer minus inner
  int pairs = 0;
  int ring_edges = 0;  // edges on the control rings, and places looked at
  int ring_places = 0;
};

// The pixel on a ray at this distance from the centre, -1 outside of the picture.
int pixel_on_ray(const GradientField& field, const Circle& circle, const Ray& ray, float distance) {
  const int x = static_cast<int>(circle.x + distance * ray.ux + 0.5F);
  const int y = static_cast<int>(circle.y + distance * ray.uy + 0.5F);
  if (x < 1 || y < 1 || x >= field.width() - 1 || y >= field.height() - 1) return -1;
  return y * field.stride() + x;
}

Surroundings measure_surroundings(const GradientField& field, const Circle& circle, const Rim& rim) {
  const float side = std::max(kMinSide, kSideOfRadius * circle.r);
  const float ring = std::max(kMinRing, kRingOfRadius * circle.r);
  Surroundings around;
  bool odd = false;
  for (const Ray& ray : rim.rays()) {
    odd = !odd;
    if (!odd) continue;  // every other ray is enough for means
    const int inner = pixel_on_ray(field, circle, ray, circle.r - side);
    const int outer = pixel_on_ray(field, circle, ray, circle.r + side);
    if (inner < 0 || outer < 0) continue;
    around.inner.add(field.smoothed(inner));
    around.outer.add(field.smoothed(outer));
    around.differences += std::abs(field.smoothed(outer) - field.smoothed(inner));
    ++around.pairs;
    for (const float distance : {circle.r - ring, circle.r + ring}) {
      const int place = pixel_on_ray(field, circle, ray, distance);
      if (place < 0) continue;
      ++around.ring_places;
      if (field.magnitude(place) >= kEdgeMagnitude) ++around.ring_edges;
    }
  }
  return around;
}

}  // namespace

float rim_tolerance(float radius) noexcept {
  return kTolerance + kToleranceOfRadius * radius;
}

float rim_coverage(const Circle& circle, const Rim& rim) noexcept {
  const float tolerance = rim_tolerance(circle.r);
  float covered = 0;
  for (const Ray& ray : rim.rays()) {
    if (ray.edge == Ray::Edge::None || std::abs(ray.offset) >= tolerance) continue;
    covered += ray.edge == rim.majority() ? 1 : kMinorityCoverage;
  }
  return covered / static_cast<float>(rim.rays().size());
}

Features rim_features(const GradientField& field, const Circle& circle, const Rim& rim) noexcept {
  const RimEdges edges = measure_edges(field, circle, rim);
  const Surroundings around = measure_surroundings(field, circle, rim);
  const auto rays = static_cast<double>(rim.rays().size());
  const double agreeing = std::max(1, edges.agreeing);
  const int pairs = std::max(1, around.pairs);
  const double inner = around.inner.deviation(pairs);
  const double outer = around.outer.deviation(pairs);
  const double contrast = std::abs(around.outer.mean(pairs) - around.inner.mean(pairs));
  const double radius{circle.r};
  const std::array<double, kFeatures> values = {
      edges.tight / rays,                          // 0 coverage, tight
      edges.agreeing / rays,                       // 1 coverage
      edges.opposing / rays,                       // 2 coverage by the other polarity
      std::sqrt(edges.square_offsets / agreeing),  // 3 scatter around the rim
      edges.cosines / agreeing,                    // 4 how well gradients point to the centre
      edges.log_magnitudes / agreeing - 5,         // 5 strength of the edges
      edges.strong / rays,                         // 6 coverage, clear contrast
      edges.longest_gap / rays,                    // 7
      std::log(radius) - 3,                        // 8 size
      10 / radius,                                 // 9
      contrast / (4 + inner + outer),              // 10 contrast against texture
      std::log(1 + inner) - 2,                     // 11 texture inside
      std::log(1 + outer) - 2,                     // 12 texture outside
      around.ring_edges / double(std::max(1, around.ring_places)),  // 13 edges where there should be none
      rim.inside() / rays,              // 14 how much of the rim is in the picture
      around.differences / pairs / 40,  // 15 contrast
  };
  Features features;
  std::transform(values.begin(), values.end(), features.begin(),
                 [](double v) { return static_cast<float>(v); });
  return features;
}

}  // namespace freshframe::vision
