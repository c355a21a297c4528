// Greedy choice among the validated circles.
// SPDX-License-Identifier: Apache-2.0
//
// With an exclusion principle: an edge point belongs to one circle only (after A. Desolneux, L. Moisan, J.-M.
// Morel, "From Gestalt Theory to Image Analysis", 2008, chapter 6).
#include "vision/search/selection.hpp"

#include <algorithm>
#include <cmath>

#include "vision/search/overlap.hpp"

namespace freshframe::vision {
namespace {

constexpr float kSameCircle = 0.93F;  // overlap beyond which two candidates are one circle found twice
constexpr float kMaxOverlap = 0.55F;  // overlap that two chosen circles may have
constexpr float kAlmostSure = 0.9F;   // score of a circle that need not be looked for again
constexpr float kMuchAlike = 0.2F;    // sum of the differences in place and size, fraction of the radius
constexpr float kSameRing = 0.9F;     // ... when rings around one centre are wanted: radii 5 % apart
// Circles have one centre when theirs are closer than this, pixels and fraction of the smaller radius.
constexpr float kOneCentrePixels = 1, kOneCentreOfRadius = 0.1F;
constexpr float kMinUntaken = 0.75F;      // of the rim that a circle must have for itself
constexpr float kSizePreference = 0.25F;  // a big circle explains more edges than a small one of equal score

bool around_one_centre(const Circle& a, const Circle& b) {
  const float limit = kOneCentrePixels + kOneCentreOfRadius * std::min(a.r, b.r);
  return std::hypot(a.x - b.x, a.y - b.y) < limit;
}

}  // namespace

void Selection::add(const Circle& circle, float coverage, SearchPass& pass) {
  const Found entry{circle, coverage, circle.confidence * (1 + kSizePreference * std::log(circle.r)), &pass};
  for (Found& other : found_) {
    if (overlap(other.circle, circle) <= kSameCircle) continue;
    if (circle.confidence > other.circle.confidence) other = entry;
    return;
  }
  found_.push_back(entry);
}

bool Selection::knows(const Circle& circle) const {
  return std::any_of(found_.begin(), found_.end(), [&](const Found& found) {
    const Circle& c = found.circle;
    if (c.confidence < kAlmostSure) return false;
    const float limit = kMuchAlike * c.r;
    return std::abs(c.x - circle.x) + std::abs(c.y - circle.y) + std::abs(c.r - circle.r) < limit;
  });
}

std::vector<Circle> Selection::choose(std::span<SearchPass* const> passes,
                                      const CircleDetectorOptions& options) {
  std::sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) { return a.rank > b.rank; });
  chosen_.clear();
  for (const Found& entry : found_) {
    if (entry.circle.confidence < options.min_confidence || is_repeat(entry.circle, options.concentric))
      continue;
    if (entry.pass->coverage(entry.circle) < kMinUntaken * entry.coverage) continue;
    for (SearchPass* pass : passes) pass->take_rim(entry.circle);
    chosen_.push_back(entry.circle);
  }
  std::sort(chosen_.begin(), chosen_.end(),
            [](const Circle& a, const Circle& b) { return a.confidence > b.confidence; });
  if (chosen_.size() > static_cast<std::size_t>(options.max_circles)) {
    chosen_.resize(static_cast<std::size_t>(options.max_circles));
  }
  return {chosen_.begin(), chosen_.end()};
}

bool Selection::is_repeat(const Circle& circle, bool concentric) const {
  return std::any_of(chosen_.begin(), chosen_.end(), [&](const Circle& chosen) {
    if (around_one_centre(circle, chosen)) return !concentric || overlap(circle, chosen) > kSameRing;
    return overlap(circle, chosen) > kMaxOverlap;
  });
}

}  // namespace freshframe::vision
