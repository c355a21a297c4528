// Groups arcs into circle candidates.
// SPDX-License-Identifier: Apache-2.0
//
// A short arc alone does not determine its circle: the centre may be anywhere along its normal. Two arcs of
// the same rim, on both sides of an occluder, determine it well. So each arc in turn collects the arcs on its
// circle, and after each addition the circle is fitted again to all of them: the arcs' moments add up, so no
// point is read twice. The limits for adding an arc are wide while there is only one short arc, and narrow
// once the circle is well determined.
//
// Each arc is compared with every other one, but almost all pairs are rejected by the distance of the other
// arc's middle from the rim, which is tested for a block of arcs at the same time. Several arcs of one rim
// propose the same circle several times. Only the best of these candidates is kept.
#include "vision/arcs/candidates.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>

namespace freshframe::vision {
namespace {

constexpr float kMinSingleSpan = 0.45F;  // radians; a shorter arc needs a partner
constexpr float kSureSpan = 1.2F;        // radians; an arc this long determines its circle well
constexpr float kFewPointsRadius = 10;   // pixels; on smaller circles, any circle fits the few points well
// share of the radius; a centre further outside the image leaves too little of the rim visible
constexpr float kMaxOutside = 0.3F;
// Refinement may move the radius by this factor into the wanted range.
constexpr float kMinRadiusSlack = 0.8F, kMaxRadiusSlack = 1.1F;

// Another arc belongs to the circle if all of these hold. Its middle is near the rim.
constexpr float kNearSure = 0.12F, kNearUnsure = 0.45F, kNearPixels = 2;
// Its normal points to the centre (cosine of the angle between them).
constexpr float kAimSure = 0.85F, kAimUnsure = 0.6F;
// The two arcs lie on each other's inner side (fraction of the radius that may be missing).
constexpr float kBehind = -0.15F;
// It is not a clear arc of a much smaller circle, and a short one has the same polarity.
constexpr float kSmaller = 0.4F, kClearSpan = 1.0F, kShortSpan = 0.6F;

// The joint fit must be good (pixels, fraction of the radius) and pass through the middles of both arcs.
constexpr double kMaxRms = 0.9, kMaxRmsOfRadius = 0.012, kMaxOff = 2;

// Two candidates are the same when centre and radius differ by less (pixels, fraction of the radius).
constexpr float kSamePixels = 1, kSameOfRadius = 0.04F;

constexpr std::size_t kBlock = 16;  // arcs tested at the same time
constexpr CandidateFinder::Middle kNowhere = {1e18F, 1e18F};

float compute_quality(float span, float r) {
  return span * std::min(1.0F, r / kFewPointsRadius);
}

// A group of arcs on one circle, grown from its first arc.
class Group {
 public:
  Group(const Arc& first, float origin_x, float origin_y, float max_radius)
      : first_(first),
        moments_(first.moments),
        origin_x_(origin_x),
        origin_y_(origin_y),
        max_radius_(max_radius),
        circle_{first.x, first.y, first.r, first.span} {
    update_limits();
  }

  // Returns true if an arc with this middle can lie on the circle.
  [[nodiscard]] bool is_near(const CandidateFinder::Middle& middle) const {
    const float dx = middle.x - circle_.x;
    const float dy = middle.y - circle_.y;
    const float d2 = dx * dx + dy * dy;
    return static_cast<bool>(static_cast<int>(d2 >= nearest2_) & static_cast<int>(d2 <= furthest2_));
  }

  // Returns true if any of the middles is near. No early exit, so that the compiler can vectorise the loop;
  // most blocks have no near arc anyway.
  [[nodiscard]] bool any_near(std::span<const CandidateFinder::Middle> middles) const {
    int near = 0;
    for (const auto& middle : middles) near |= static_cast<int>(is_near(middle));
    return near != 0;
  }

  // Adds a near arc if it is on the circle.
  void try_add(const Arc& arc) {
    const float dx = arc.middle_x - circle_.x;
    const float dy = arc.middle_y - circle_.y;
    const float d2 = dx * dx + dy * dy;
    if (!faces(arc, dx, dy, d2)) return;
    CircleMoments joint = moments_;
    joint.add(arc.moments);
    const auto fit = joint.fit();
    if (!fit || fit->r > double{max_radius_}) return;
    if (fit->rms > std::max(kMaxRms, kMaxRmsOfRadius * fit->r)) return;
    if (off(*fit, first_) > kMaxOff || off(*fit, arc) > kMaxOff) return;
    moments_ = joint;
    circle_ = {static_cast<float>(fit->x) + origin_x_, static_cast<float>(fit->y) + origin_y_,
               static_cast<float>(fit->r), circle_.confidence + arc.span};
    joined_ = true;
    update_limits();
  }

  // Returns the joint circle, with the sum of the spans as its score; nullopt while there is only the first
  // arc.
  [[nodiscard]] std::optional<Circle> circle() const {
    if (!joined_) return std::nullopt;
    return circle_;
  }

 private:
  [[nodiscard]] bool sure() const { return joined_ || first_.span > kSureSpan; }

  void update_limits() {
    const float slack = circle_.r * (sure() ? kNearSure : kNearUnsure) + kNearPixels;
    const float nearest = std::max(0.0F, circle_.r - slack);
    const float furthest = circle_.r + slack;
    nearest2_ = nearest * nearest;
    furthest2_ = furthest * furthest;
    aim_ = sure() ? kAimSure : kAimUnsure;
  }

  // `dx`, `dy`: from the circle's centre to the arc's middle.
  [[nodiscard]] bool faces(const Arc& arc, float dx, float dy, float d2) const {
    const float inwards = -(dx * arc.normal_x + dy * arc.normal_y);
    if (inwards < 0 || inwards * inwards < aim_ * aim_ * d2) return false;
    if (arc.r < kSmaller * circle_.r && arc.span > kClearSpan) return false;
    if (arc.brighter_inside != first_.brighter_inside && arc.span < kShortSpan) return false;
    const float to_x = arc.middle_x - first_.middle_x;
    const float to_y = arc.middle_y - first_.middle_y;
    const float behind = kBehind * circle_.r;
    return to_x * first_.normal_x + to_y * first_.normal_y >= behind &&
           -(to_x * arc.normal_x + to_y * arc.normal_y) >= behind;
  }

  [[nodiscard]] double off(const FittedCircle& fit, const Arc& arc) const {
    const double dx = double{arc.middle_x - origin_x_} - fit.x;
    const double dy = double{arc.middle_y - origin_y_} - fit.y;
    return std::abs(std::sqrt(dx * dx + dy * dy) - fit.r);
  }

  const Arc& first_;
  CircleMoments moments_;
  float origin_x_;
  float origin_y_;
  float max_radius_;
  Circle circle_;
  bool joined_ = false;
  float nearest2_ = 0, furthest2_ = 0, aim_ = 0;
};

bool same(const Circle& a, const Circle& b) {
  const float limit = std::max(kSamePixels, kSameOfRadius * a.r);
  return std::abs(a.x - b.x) < limit && std::abs(a.y - b.y) < limit && std::abs(a.r - b.r) < limit;
}

}  // namespace

void CandidateFinder::find(std::span<const Arc> arcs, int width, int height, RadiusRange radii) {
  radii_ = radii;
  width_ = static_cast<float>(width);
  height_ = static_cast<float>(height);
  proposed_.clear();
  middles_.clear();
  for (const Arc& arc : arcs) middles_.push_back({arc.middle_x, arc.middle_y});
  middles_.resize((arcs.size() + kBlock - 1) / kBlock * kBlock, kNowhere);
  for (std::size_t i = 0; i < arcs.size(); ++i) {
    const Arc& arc = arcs[i];
    if (arc.span >= kMinSingleSpan) propose({arc.x, arc.y, arc.r, arc.span});
    propose_group(arcs, i);
  }
  keep_distinct();
}

void CandidateFinder::propose_group(std::span<const Arc> arcs, std::size_t first) {
  // The arcs' moments are relative to the image's centre, rounded to whole pixels.
  Group group(arcs[first], std::floor(width_ / 2), std::floor(height_ / 2), radii_.max * kMaxRadiusSlack);
  for (std::size_t block = 0; block < arcs.size(); block += kBlock) {
    const auto middles = std::span(middles_).subspan(block, kBlock);
    if (!group.any_near(middles)) continue;
    for (std::size_t i = block; i < std::min(block + kBlock, arcs.size()); ++i) {
      if (group.is_near(middles_[i]) && i != first) group.try_add(arcs[i]);
    }
  }
  if (const auto circle = group.circle()) propose(*circle);
}

void CandidateFinder::propose(const Circle& circle) {
  const float margin = kMaxOutside * circle.r;
  if (circle.r < radii_.min * kMinRadiusSlack || circle.r > radii_.max * kMaxRadiusSlack) return;
  if (circle.x < -margin || circle.y < -margin || circle.x > width_ + margin || circle.y > height_ + margin)
    return;
  proposed_.push_back({circle.x, circle.y, circle.r, compute_quality(circle.confidence, circle.r)});
}

void CandidateFinder::keep_distinct() {
  std::sort(proposed_.begin(), proposed_.end(),
            [](const Circle& a, const Circle& b) { return a.confidence > b.confidence; });
  kept_.clear();
  for (const Circle& circle : proposed_) {
    const auto is_same = [&](const Circle& kept) { return same(kept, circle); };
    if (std::any_of(kept_.begin(), kept_.end(), is_same)) continue;
    kept_.push_back(circle);
    if (kept_.size() == kMaxCandidates) return;
  }
}

}  // namespace freshframe::vision
