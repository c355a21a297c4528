// Runs the stages of one pass over an image.
// SPDX-License-Identifier: Apache-2.0
#include "vision/search/search_pass.hpp"

#include <algorithm>
#include <cmath>

#include "vision/picture/half_size.hpp"
#include "vision/rim/edges.hpp"
#include "vision/rim/features.hpp"
#include "vision/rim/model.hpp"
#include "vision/rim/polish.hpp"

namespace freshframe::vision {
namespace {

constexpr float kMinHalfRadius = 5;  // pixels at half size; full size is better for smaller ones
constexpr float kRimMargin = 1;      // pixels beyond the rim's tolerance that belong to it

RadiusRange at_half(RadiusRange radii) {
  return {std::max(kMinHalfRadius, radii.min / 2), radii.max / 2};
}

}  // namespace

SearchPass::SearchPass(RadiusRange radii, Size size)
    : size_(size), radii_(size == Size::Half ? at_half(radii) : radii), refinement_(radii_) {}

bool SearchPass::fits(const Plane& luma) const noexcept {
  const int step = size_ == Size::Half ? 2 : 1;
  return radii_.max > radii_.min && std::min(luma.rows, luma.row_bytes) >= step * GradientField::kMinSide;
}

void SearchPass::look(const Plane& luma, const CellMask* cells) {
  if (size_ == Size::Half) {
    field_.compute(half_size(luma, halved_));
  } else {
    field_.compute(luma);
  }
  if (cells != nullptr)
    field_.keep_edges(*cells, size_ == Size::Half ? CellMask::kCell / 2 : CellMask::kCell);
  chains_.trace(field_);
  arcs_.find(chains_, field_, radii_);
  candidates_.find(arcs_.arcs(), field_.width(), field_.height(), radii_);
  refinement_.start(field_);
}

void SearchPass::judge_expected(std::span<const Circle> expected, const Wanted& wanted,
                                const Visitor& visit) {
  for (const Circle& circle : expected) {
    if (wanted(circle)) judge(to_pass(circle), std::nullopt, visit);
  }
}

void SearchPass::judge_candidates(const Wanted& wanted, const Visitor& visit) {
  for (const Circle& circle : candidates_.candidates()) {
    if (wanted(to_picture(circle))) judge(circle, circle.confidence, visit);
  }
}

// `arcs`: the part of the circle that arcs covered, if known.
void SearchPass::judge(Circle circle, std::optional<float> arcs, const Visitor& visit) {
  if (!refinement_.refine(circle, rim_)) return;
  const Origin origin{.arcs = arcs ? *arcs : likely_arcs(circle, rim_), .half_size = size_ == Size::Half};
  Features features{};
  const RimEdges edges = add_edge_features(field_, circle, rim_, origin, features);
  if (!may_be_circle(features)) return;
  add_brightness_features(field_, circle, rim_, edges, features);
  circle.confidence = circle_probability(features);
  visit(to_picture(circle), features, rim_coverage(circle, rim_));
}

Circle SearchPass::polish(const Circle& circle) const noexcept {
  return to_picture(polished(field_, to_pass(circle)));
}

float SearchPass::coverage(const Circle& circle) {
  const Circle mine = to_pass(circle);
  rim_.cast(field_, mine, Rim::rays_for(mine.r), {});
  return rim_coverage(mine, rim_);
}

void SearchPass::take_rim(const Circle& circle) {
  const Circle mine = to_pass(circle);
  rim_.cast(field_, mine, Rim::rays_for(mine.r), {});
  const float margin = rim_tolerance(mine.r) + kRimMargin;
  for (const Ray& ray : rim_.rays()) {
    if (ray.edge == Ray::Edge::None || std::abs(ray.offset) >= margin) continue;
    for (int dy = -1; dy <= 1; ++dy) {
      for (int dx = -1; dx <= 1; ++dx) field_.erase(ray.pixel + dy * field_.stride() + dx);
    }
  }
}

// The centre of a pixel at half size lies between four pixels.
Circle SearchPass::to_pass(const Circle& c) const noexcept {
  if (size_ == Size::Full) return c;
  return {(c.x - 0.5F) / 2, (c.y - 0.5F) / 2, c.r / 2, c.confidence};
}

Circle SearchPass::to_picture(const Circle& c) const noexcept {
  if (size_ == Size::Full) return c;
  return {2 * c.x + 0.5F, 2 * c.y + 0.5F, 2 * c.r, c.confidence};
}

}  // namespace freshframe::vision
