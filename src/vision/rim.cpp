// Radial search for edges near a circle's rim.
// SPDX-License-Identifier: Apache-2.0
#include "vision/rim.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace freshframe::vision {
namespace {

constexpr float kRaysPerPixel = 2.8F;  // of radius: one ray for about two pixels of rim
constexpr float kMinCosine = 0.86F;    // between gradient and ray: within 31 degrees
constexpr float kFarDiscount = 0.35F;  // a far edge must be so much stronger than one on the rim

}  // namespace

Rim::Rim() {
  for (int rays = kMinRays; rays <= kMaxRays; rays += 2) {
    auto& directions = directions_[static_cast<std::size_t>(rays / 2)];
    for (int i = 0; i < rays; ++i) {
      const double angle = 2 * std::numbers::pi * i / rays;
      directions[static_cast<std::size_t>(i)] = {static_cast<float>(std::cos(angle)),
                                                 static_cast<float>(std::sin(angle))};
    }
  }
}

int Rim::rays_for(float radius) noexcept {
  return std::clamp(static_cast<int>(radius * kRaysPerPixel) & ~1, kMinRays, kMaxRays);
}

void Rim::cast(const GradientField& field, const Circle& circle, int rays, const Search& search) {
  size_ = static_cast<std::size_t>(rays);
  inside_ = darker_ = brighter_ = 0;
  const auto& directions = directions_[size_ / 2];
  for (std::size_t i = 0; i < size_; ++i) {
    Ray& ray = rays_[i];
    ray.ux = directions[i].x;
    ray.uy = directions[i].y;
    ray.edge = Ray::Edge::None;
    if (i % static_cast<std::size_t>(search.step) == 0) this->search(field, circle, search, ray);
  }
}

void Rim::search(const GradientField& field, const Circle& circle, const Search& search, Ray& ray) {
  constexpr float kInside = GradientField::kBorder + 1;
  const float rim_x = circle.x + circle.r * ray.ux;
  const float rim_y = circle.y + circle.r * ray.uy;
  const auto width = static_cast<float>(field.width());
  const auto height = static_cast<float>(field.height());
  if (!(rim_x >= kInside && rim_y >= kInside && rim_x < width - kInside - 1 && rim_y < height - kInside - 1))
    return;
  ++inside_;
  const int reach = static_cast<int>(std::ceil(search.window));
  const float discount = kFarDiscount / (static_cast<float>(reach) + 1);
  float best = 0;
  for (int k = -reach; k <= reach; ++k) {
    const auto distance = static_cast<float>(k);
    const int x = static_cast<int>(rim_x + distance * ray.ux + 0.5F);
    const int y = static_cast<int>(rim_y + distance * ray.uy + 0.5F);
    constexpr int kBorder = GradientField::kBorder;
    if (x < kBorder || y < kBorder || x >= field.width() - kBorder || y >= field.height() - kBorder) continue;
    const int pixel = y * field.stride() + x;
    const Gradient gradient = field.gradient(pixel);
    if (gradient.magnitude() < kEdgeMagnitude) continue;
    if (search.skip_claimed && (field.flags(pixel) & kClaimed) != 0) continue;
    const auto gx = static_cast<float>(gradient.x);
    const auto gy = static_cast<float>(gradient.y);
    const float slope = gx * ray.ux + gy * ray.uy;
    if (slope * slope < kMinCosine * kMinCosine * (gx * gx + gy * gy)) continue;
    const float value = std::abs(slope) * (1 - discount * std::abs(distance));
    if (value <= best) continue;
    best = value;
    ray.pixel = pixel;
    ray.edge = slope > 0 ? Ray::Edge::Brighter : Ray::Edge::Darker;
  }
  if (ray.edge == Ray::Edge::None) return;
  const EdgePoint point = field.locate(ray.pixel);
  ray.offset = (point.x - circle.x) * ray.ux + (point.y - circle.y) * ray.uy - circle.r;
  ++(ray.edge == Ray::Edge::Brighter ? brighter_ : darker_);
}

}  // namespace freshframe::vision
