// Greedy selection among the validated circles.
// SPDX-License-Identifier: Apache-2.0
//
// Uses an exclusion principle: an edge point belongs to one circle only (after A. Desolneux, L. Moisan, J.-M.
// Morel, "From Gestalt Theory to Image Analysis", 2008, chapter 6).
#include "vision/search/selection.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace freshframe::vision {

namespace {

constexpr float kSameSize = 0.6F;  // difference of the radii, pixels
// Gap between two rims in pixels. With a gap of 7 or more, the sampled surroundings do not touch the
// neighbour.
constexpr float kMinGap = 1, kMaxGap = 8;

bool side_by_side(const Circle& a, const Circle& b) {
  if (std::abs(a.r - b.r) >= kSameSize) return false;
  const float gap = std::hypot(a.x - b.x, a.y - b.y) - a.r - b.r;
  return gap >= kMinGap && gap <= kMaxGap;
}

// Returns true if two discs are adjacent to this one.
bool has_two_neighbours(const Circle& circle, std::span<const Circle> circles) {
  const Circle* first = nullptr;
  return std::any_of(circles.begin(), circles.end(), [&](const Circle& other) {
    if (!side_by_side(circle, other)) return false;
    if (first == nullptr) first = &other;
    // not another detection of the same disc
    return std::hypot(other.x - first->x, other.y - first->y) > circle.r;
  });
}

}  // namespace

void DiscRows::find(std::span<const Circle> circles) {
  in_row_.assign(circles.size(), false);
  for (std::size_t i = 0; i < circles.size(); ++i) {
    if (!has_two_neighbours(circles[i], circles)) continue;
    in_row_[i] = true;
    for (std::size_t j = 0; j < circles.size(); ++j) {
      if (side_by_side(circles[i], circles[j])) in_row_[j] = true;
    }
  }
}

float overlap(const Circle& a, const Circle& b) noexcept {
  constexpr float kPi = std::numbers::pi_v<float>;
  const float dx = a.x - b.x;
  const float dy = a.y - b.y;
  const float d2 = dx * dx + dy * dy;
  const float reach = a.r + b.r;
  if (d2 >= reach * reach) return 0;
  const float aa = a.r * a.r;
  const float bb = b.r * b.r;
  const float d = std::sqrt(d2);
  if (d <= std::abs(a.r - b.r)) return std::min(aa, bb) / std::max(aa, bb);
  const float cos_a = std::clamp((d2 + aa - bb) / (2 * d * a.r), -1.0F, 1.0F);
  const float cos_b = std::clamp((d2 + bb - aa) / (2 * d * b.r), -1.0F, 1.0F);
  const float kite = (reach - d) * (d + a.r - b.r) * (d - a.r + b.r) * (d + reach);
  const float lens = aa * std::acos(cos_a) + bb * std::acos(cos_b) - std::sqrt(std::max(0.0F, kite)) / 2;
  return lens / (kPi * (aa + bb) - lens);
}

namespace {

constexpr float kSameCircle = 0.93F;  // overlap beyond which two candidates are one circle found twice
constexpr float kMaxOverlap = 0.55F;  // maximum overlap of two selected circles
constexpr float kAlmostSure = 0.9F;   // score of a circle that does not have to be searched for again
// Circles are alike if |dx| + |dy| + |dr| is below this fraction of the radius.
constexpr float kMuchAlike = 0.2F;
// overlap beyond which concentric circles are one ring: their radii differ by less than 5 %
constexpr float kSameRing = 0.9F;
// Circles are concentric if their centres are closer than this: pixels plus a fraction of the smaller radius.
constexpr float kOneCentrePixels = 1, kOneCentreOfRadius = 0.1F;
constexpr float kMinUntaken = 0.75F;      // minimum share of its rim that no chosen circle has used
constexpr float kSizePreference = 0.25F;  // a big circle explains more edges than a small one of equal score
constexpr float kInRow = 0.9F;            // minimum score of a flawless circle in a row of equal ones

bool around_one_centre(const Circle& a, const Circle& b) {
  const float limit = kOneCentrePixels + kOneCentreOfRadius * std::min(a.r, b.r);
  return std::hypot(a.x - b.x, a.y - b.y) < limit;
}

float compute_rank(const Circle& circle) {
  return circle.confidence * (1 + kSizePreference * std::log(circle.r));
}

}  // namespace

void Selection::add(const Circle& circle, float coverage, SearchPass& pass, bool flawless) {
  const Found entry{circle, coverage, compute_rank(circle), &pass, flawless};
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
  trust_rows();
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

// The learned validation mistakes the neighbours in a row for texture.
void Selection::trust_rows() {
  flawless_.clear();
  for (const Found& found : found_) {
    if (found.flawless) flawless_.push_back(found.circle);
  }
  rows_.find(flawless_);
  std::size_t at = 0;
  for (Found& found : found_) {
    if (!found.flawless || !rows_.holds(at++)) continue;
    found.circle.confidence = std::max(found.circle.confidence, kInRow);
    found.rank = compute_rank(found.circle);
  }
}

bool Selection::is_repeat(const Circle& circle, bool concentric) const {
  return std::any_of(chosen_.begin(), chosen_.end(), [&](const Circle& chosen) {
    if (around_one_centre(circle, chosen)) return !concentric || overlap(circle, chosen) > kSameRing;
    return overlap(circle, chosen) > kMaxOverlap;
  });
}

}  // namespace freshframe::vision
