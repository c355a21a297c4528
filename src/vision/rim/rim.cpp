// Radial search for edges near a circle's rim.
// SPDX-License-Identifier: Apache-2.0
#include "vision/rim/rim.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace freshframe::vision {
namespace {

constexpr float kRaysPerPixel = 2.8F;  // one ray for about two pixels of the rim
constexpr float kMinCosine = 0.86F;    // between gradient and ray: within 31 degrees
constexpr float kFarDiscount = 0.35F;  // share of its strength that an edge loses at the end of the window

}  // namespace

Rim::Rim() {
  constexpr double kUnit = 1 << RayBatch::kDirectionBits;
  batch_.min_cosine2 = kMinCosine * kMinCosine;
  for (int rays = kMinRays; rays <= kMaxRays; rays += 2) {
    auto& directions = directions_[static_cast<std::size_t>(rays / 2)];
    for (int i = 0; i < rays; ++i) {
      const double angle = 2 * std::numbers::pi * i / rays;
      directions[static_cast<std::size_t>(i)] = {
          .x = static_cast<float>(std::cos(angle)),
          .y = static_cast<float>(std::sin(angle)),
          .fixed_x = static_cast<std::int32_t>(std::lround(std::cos(angle) * kUnit)),
          .fixed_y = static_cast<std::int32_t>(std::lround(std::sin(angle) * kUnit)),
      };
    }
  }
}

int Rim::rays_for(float radius) noexcept {
  return std::clamp(static_cast<int>(radius * kRaysPerPixel) & ~1, kMinRays, kMaxRays);
}

void Rim::cast(const GradientField& field, const Circle& circle, int rays, const Search& search) {
  size_ = static_cast<std::size_t>(rays);
  darker_ = brighter_ = 0;
  aim(field, circle, search.step);
  inside_ = batch_.size;
  batch_.reach = static_cast<int>(std::ceil(search.window));
  batch_.discount = kFarDiscount / (static_cast<float>(batch_.reach) + 1);
  search_rays(field, batch_);
  for (std::size_t lane = 0; lane < static_cast<std::size_t>(batch_.size); ++lane) {
    if (batch_.pixel[lane] < 0) continue;
    Ray& ray = rays_[ray_of_lane_[lane]];
    ray.pixel = batch_.pixel[lane];
    ray.edge = batch_.slope[lane] > 0 ? Ray::Edge::Brighter : Ray::Edge::Darker;
    ++(ray.edge == Ray::Edge::Brighter ? brighter_ : darker_);
    if (!search.exact) {
      ray.offset = static_cast<float>(batch_.step[lane]);
      continue;
    }
    const EdgePoint point = field.locate(ray.pixel);
    ray.offset = (point.x - circle.x) * ray.ux + (point.y - circle.y) * ray.uy - circle.r;
  }
}

// Adds to the batch the rays whose point on the rim is well inside the image.
void Rim::aim(const GradientField& field, const Circle& circle, int step) {
  constexpr float kInside = GradientField::kBorder + 1;
  const float right = static_cast<float>(field.width()) - kInside - 1;
  const float bottom = static_cast<float>(field.height()) - kInside - 1;
  constexpr float kUnit = 1 << RayBatch::kPositionBits;
  const auto& directions = directions_[size_ / 2];
  std::size_t lane = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    const Direction& direction = directions[i];
    rays_[i] = {.ux = direction.x, .uy = direction.y};
    if (i % static_cast<std::size_t>(step) != 0) continue;
    const float x = circle.x + circle.r * direction.x;
    const float y = circle.y + circle.r * direction.y;
    if (!(x >= kInside && y >= kInside && x < right && y < bottom)) continue;
    batch_.x[lane] = static_cast<std::int32_t>((x + 0.5F) * kUnit);
    batch_.y[lane] = static_cast<std::int32_t>((y + 0.5F) * kUnit);
    batch_.ux[lane] = direction.fixed_x;
    batch_.uy[lane] = direction.fixed_y;
    ray_of_lane_[lane] = i;
    ++lane;
  }
  batch_.size = static_cast<int>(lane);
}

}  // namespace freshframe::vision
