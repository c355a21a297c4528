// Samples brightness and edges on rings inside and outside of a circle.
// SPDX-License-Identifier: Apache-2.0
#include "vision/rim/surroundings.hpp"

#include <algorithm>
#include <cmath>

namespace freshframe::vision {
namespace {

// Distances of the rings from the rim: fraction of the radius, pixels at least.
constexpr float kSideOfRadius = 0.12F, kMinSide = 2;
constexpr float kRingOfRadius = 0.3F, kMinRing = 3;
constexpr float kMiddleRings[] = {0.25F, 0.5F};  // of the radius, from the centre
constexpr double kClearDifference = 4;           // grey levels between inside and outside

// The pixel on a ray at this distance from the centre, -1 outside of the picture.
int pixel_on_ray(const GradientField& field, const Circle& circle, const Ray& ray, float distance) {
  const float right = circle.x + distance * ray.ux + 0.5F;
  const float down = circle.y + distance * ray.uy + 0.5F;
  const int x = static_cast<int>(right);
  const int y = static_cast<int>(down);
  if (x < 1 || y < 1 || x >= field.width() - 1 || y >= field.height() - 1) return -1;
  return y * field.stride() + x;
}

double grey(const GradientField& field, int pixel) {
  return double(field.smoothed(pixel)) / kLumaScale;
}

void add_place(EdgeDensity& density, const GradientField& field, int pixel) {
  if (pixel < 0) return;
  ++density.places;
  if (field.magnitude(pixel) >= kEdgeMagnitude) ++density.edges;
}

}  // namespace

void Brightness::add(double value) noexcept {
  ++count;
  sum += value;
  squares += value * value;
}

double Brightness::mean() const noexcept {
  return sum / std::max(1, count);
}

double Brightness::deviation() const noexcept {
  return std::sqrt(std::max(0.0, squares / std::max(1, count) - mean() * mean()));
}

double EdgeDensity::fraction() const noexcept {
  return double(edges) / std::max(1, places);
}

RimSurroundings measure_rim_surroundings(const GradientField& field, const Circle& circle,
                                         const Rim& rim) noexcept {
  const float side = std::max(kMinSide, kSideOfRadius * circle.r);
  const float ring = std::max(kMinRing, kRingOfRadius * circle.r);
  const int sign = rim.majority() == Ray::Edge::Brighter ? 1 : -1;
  RimSurroundings around;
  const auto rays = rim.rays();
  for (std::size_t i = 0; i < rays.size(); i += 2) {  // every other ray is enough for means
    const Ray& ray = rays[i];
    const int inner = pixel_on_ray(field, circle, ray, circle.r - side);
    const int outer = pixel_on_ray(field, circle, ray, circle.r + side);
    for (const float part : kMiddleRings) {
      const int pixel = pixel_on_ray(field, circle, ray, part * circle.r);
      add_place(around.middle_edges, field, pixel);
      if (pixel >= 0) around.middle.add(grey(field, pixel));
    }
    if (inner < 0 || outer < 0) continue;
    const double difference = grey(field, outer) - grey(field, inner);
    around.inner.add(grey(field, inner));
    around.outer.add(grey(field, outer));
    around.differences += difference;
    around.absolute_differences += std::abs(difference);
    if (difference * sign >= kClearDifference) ++around.agreeing;
    add_place(around.inner_ring, field, pixel_on_ray(field, circle, ray, circle.r - ring));
    add_place(around.outer_ring, field, pixel_on_ray(field, circle, ray, circle.r + ring));
  }
  return around;
}

}  // namespace freshframe::vision
