// Splits edge chains into arcs by growing a circle fit point by point until the chain leaves it.
// SPDX-License-Identifier: Apache-2.0
//
// The method is that of EDCircles (C. Akinlar, C. Topal, "EDCircles", Pattern Recognition 2013), but without
// line segments as an intermediate step.
#include "vision/arcs/arcs.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace freshframe::vision {
namespace {

constexpr int kFirstFit = 10;  // number of points in the first fit: about a radian of the smallest circles
constexpr int kSkip = 3;       // points to skip where no arc starts
constexpr double kMaxFirstRms = 0.6;   // pixels; edge positions scatter by 0.2 to 0.4
constexpr double kMaxRmsOfArc = 0.75;  // for the growing arc, pixels
constexpr float kMaxOffOfArc = 1.4F;   // a point further from the circle does not belong to it, pixels
constexpr int kMaxStray = 3;           // so many stray points in a row end the arc
constexpr int kBendable = 40;       // points; a shorter arc may be refitted so that it includes stray points
constexpr double kStraight = 2000;  // radius in pixels beyond which a piece counts as straight
constexpr float kMinSpan = 0.3F;    // radians; a shorter arc does not determine its radius
constexpr float kRadiusSlackLow = 0.6F;  // fits of short arcs are off by this factor
constexpr float kRadiusSlackHigh = 1.6F;

float distance(const EdgePoint& a, const EdgePoint& b) {
  return std::hypot(a.x - b.x, a.y - b.y);
}

// A circle that grows along a chain. Coordinates are relative to the chain's first point, which preserves
// precision.
class GrowingFit {
 public:
  explicit GrowingFit(const EdgePoint& origin) : origin_(origin) {}

  void add(const EdgePoint& p) {
    moments_.add(double{p.x} - double{origin_.x}, double{p.y} - double{origin_.y});
  }
  bool refit(double max_rms) {
    const auto circle = moments_.fit();
    if (!circle || circle->r > kStraight || circle->rms > max_rms) return false;
    x_ = static_cast<float>(circle->x) + origin_.x;
    y_ = static_cast<float>(circle->y) + origin_.y;
    r_ = static_cast<float>(circle->r);
    return true;
  }
  [[nodiscard]] bool holds(const EdgePoint& p) const {
    const float dx = p.x - x_;
    const float dy = p.y - y_;
    return std::abs(std::sqrt(dx * dx + dy * dy) - r_) <= kMaxOffOfArc;
  }

 private:
  EdgePoint origin_;
  CircleMoments moments_;
  float x_ = 0, y_ = 0, r_ = 0;
};

// Returns the size at which to fit again: whenever the arc has grown by a quarter.
std::size_t next_fit_after(std::size_t points) {
  return points + std::max<std::size_t>(3, points / 4);
}

// Returns the number of points from the start of `chain` that are on one circle, or 0 if no arc starts there.
std::size_t arc_length(std::span<const EdgePoint> chain) {
  const std::size_t first = std::min<std::size_t>(chain.size(), kFirstFit);
  GrowingFit fit(chain[0]);
  for (std::size_t i = 0; i < first; ++i) fit.add(chain[i]);
  if (!fit.refit(kMaxFirstRms)) return 0;
  std::size_t last = first;
  std::size_t next_fit = next_fit_after(first);
  int stray = 0;
  for (std::size_t i = first; i < chain.size(); ++i) {
    fit.add(chain[i]);
    if (fit.holds(chain[i])) {
      stray = 0;
      last = i + 1;
    } else if (++stray >= kMaxStray) {
      if (i >= kBendable || !fit.refit(kMaxFirstRms)) break;
      stray = 0;
    }
    if (i + 1 >= next_fit && stray == 0) {
      if (!fit.refit(kMaxRmsOfArc)) break;
      next_fit = next_fit_after(i + 1);
    }
  }
  return last;
}

float path_length(std::span<const EdgePoint> points) {
  constexpr std::size_t kChord = 4;  // shorter chords would measure the pixel grid
  float length = 0;
  std::size_t from = 0;
  while (from + 1 < points.size()) {
    const std::size_t to = std::min(from + kChord, points.size() - 1);
    length += distance(points[from], points[to]);
    from = to;
  }
  return length;
}

}  // namespace

void ArcFinder::find(const EdgeChains& chains, const GradientField& field, RadiusRange radii) {
  arcs_.clear();
  for (int i = 0; i < chains.size(); ++i) split(chains[i], field, radii);
  const auto better = [](const Arc& a, const Arc& b) { return a.quality > b.quality; };
  if (arcs_.size() > kMaxArcs) {
    std::nth_element(arcs_.begin(), arcs_.begin() + kMaxArcs, arcs_.end(), better);
    arcs_.resize(kMaxArcs);
  }
  std::sort(arcs_.begin(), arcs_.end(), better);
}

void ArcFinder::split(std::span<const EdgePoint> chain, const GradientField& field, RadiusRange radii) {
  while (chain.size() >= EdgeChains::kMinPoints) {
    const std::size_t points = arc_length(chain);
    if (points >= EdgeChains::kMinPoints) keep(chain.first(points), field, radii);
    chain = chain.subspan(std::max<std::size_t>(points, kSkip));
  }
}

void ArcFinder::keep(std::span<const EdgePoint> points, const GradientField& field, RadiusRange radii) {
  const EdgePoint& middle = points[points.size() / 2];
  CircleMoments local;
  for (const EdgePoint& p : points) local.add(double{p.x} - double{middle.x}, double{p.y} - double{middle.y});
  const auto circle = local.fit();
  if (!circle) return;
  Arc arc;
  arc.r = static_cast<float>(circle->r);
  if (arc.r > radii.max * kRadiusSlackHigh || arc.r < radii.min * kRadiusSlackLow) return;
  arc.span = std::min(2 * std::numbers::pi_v<float>, path_length(points) / arc.r);
  if (arc.span < kMinSpan) return;
  const auto to_centre_x = static_cast<float>(circle->x);
  const auto to_centre_y = static_cast<float>(circle->y);
  arc.x = middle.x + to_centre_x;
  arc.y = middle.y + to_centre_y;
  arc.middle_x = middle.x;
  arc.middle_y = middle.y;
  arc.normal_x = to_centre_x / arc.r;
  arc.normal_y = to_centre_y / arc.r;
  const Gradient gradient = field.gradient(middle.pixel);
  arc.brighter_inside =
      static_cast<float>(gradient.x) * to_centre_x + static_cast<float>(gradient.y) * to_centre_y > 0;
  arc.quality = static_cast<float>(points.size()) * std::min(1.0F, arc.span);
  const double origin_x = std::floor(field.width() / 2.0);
  const double origin_y = std::floor(field.height() / 2.0);
  for (const EdgePoint& p : points) arc.moments.add(double{p.x} - origin_x, double{p.y} - origin_y);
  arcs_.push_back(arc);
}

}  // namespace freshframe::vision
