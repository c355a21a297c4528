// Greedy choice among the validated circles.
// SPDX-License-Identifier: Apache-2.0
//
// With an exclusion principle: an edge point belongs to one circle only (after A. Desolneux, L. Moisan, J.-M.
// Morel, "From Gestalt Theory to Image Analysis", 2008, chapter 6).
#include "vision/selection.hpp"

#include <algorithm>
#include <cmath>

#include "vision/circle_overlap.hpp"
#include "vision/rim_edges.hpp"

namespace freshframe::vision {
namespace {

constexpr float kSameCircle = 0.93F;      // overlap beyond which two candidates are one circle found twice
constexpr float kMaxOverlap = 0.55F;      // overlap that two chosen circles may have
constexpr float kMinUntaken = 0.75F;      // of the rim that a circle must have for itself
constexpr float kRimMargin = 1;           // pixels beyond the rim's tolerance
constexpr float kSizePreference = 0.25F;  // a big circle explains more edges than a small one of equal score

}  // namespace

void Selection::add(const Circle& circle, float coverage) {
  const Found entry{circle, coverage, circle.score * (1 + kSizePreference * std::log(circle.r))};
  for (Found& other : found_) {
    if (overlap(other.circle, circle) <= kSameCircle) continue;
    if (circle.score > other.circle.score) other = entry;
    return;
  }
  found_.push_back(entry);
}

std::vector<Circle> Selection::choose(GradientField& field, Rim& rim, const CircleDetectorOptions& options) {
  std::sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) { return a.rank > b.rank; });
  chosen_.clear();
  for (const Found& entry : found_) {
    if (entry.circle.score < options.min_score || is_repeat(entry.circle)) continue;
    rim.cast(field, entry.circle, Rim::rays_for(entry.circle.r), {});
    if (rim_coverage(entry.circle, rim) < kMinUntaken * entry.coverage) continue;
    take_rim(field, entry.circle, rim);
    chosen_.push_back(entry.circle);
  }
  std::sort(chosen_.begin(), chosen_.end(),
            [](const Circle& a, const Circle& b) { return a.score > b.score; });
  if (chosen_.size() > static_cast<std::size_t>(options.max_circles)) {
    chosen_.resize(static_cast<std::size_t>(options.max_circles));
  }
  return {chosen_.begin(), chosen_.end()};
}

bool Selection::is_repeat(const Circle& circle) const {
  return std::any_of(chosen_.begin(), chosen_.end(),
                     [&](const Circle& c) { return overlap(circle, c) > kMaxOverlap; });
}

void Selection::take_rim(GradientField& field, const Circle& circle, const Rim& rim) {
  const float margin = rim_tolerance(circle.r) + kRimMargin;
  for (const Ray& ray : rim.rays()) {
    if (ray.edge == Ray::Edge::None || std::abs(ray.offset) >= margin) continue;
    for (int dy = -1; dy <= 1; ++dy) {
      for (int dx = -1; dx <= 1; ++dx) field.erase(ray.pixel + dy * field.stride() + dx);
    }
  }
}

}  // namespace freshframe::vision
