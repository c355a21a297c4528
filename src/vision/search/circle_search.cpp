// Runs the stages of the circle search, and rejects unsuitable images and options.
// SPDX-License-Identifier: Apache-2.0
#include "vision/search/circle_search.hpp"

#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <sstream>
#include <string>
#include <utility>

#include "vision/arcs/candidates.hpp"
#include "vision/rim/features.hpp"

namespace freshframe::vision {

namespace {

// Minimum fraction of the rim in the searched cells. For a track, the cells cover all of it. Parts of a
// moving ball's edge may not change.
constexpr float kMinCovered = 0.8F;
constexpr std::size_t kRimPoints = 16;

std::array<std::pair<float, float>, kRimPoints> rim_directions() noexcept {
  std::array<std::pair<float, float>, kRimPoints> directions;
  for (std::size_t i = 0; i < kRimPoints; ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / kRimPoints;
    directions[i] = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
  }
  return directions;
}

const auto kRimDirections = rim_directions();

}  // namespace

bool SearchPlan::covers(const Circle& candidate, int width, int height) const noexcept {
  if (cells == nullptr) return true;
  int inside = 0;
  int covered = 0;
  for (const auto& [ux, uy] : kRimDirections) {
    const float x = candidate.x + candidate.r * ux;
    const float y = candidate.y + candidate.r * uy;
    if (!(x >= 0 && y >= 0 && x < static_cast<float>(width) && y < static_cast<float>(height))) continue;
    ++inside;
    if ((*cells)(static_cast<int>(x) / CellMask::kCell, static_cast<int>(y) / CellMask::kCell)) ++covered;
  }
  return static_cast<float>(covered) >= kMinCovered * static_cast<float>(inside);
}

}  // namespace freshframe::vision

namespace freshframe {

namespace vision {
namespace {

constexpr std::int64_t kMaxPixels = std::int64_t{1} << 28;  // byte offsets are 32 bit, rows are padded
constexpr int kMaxSide = 1 << 20;                           // positions have ten bits below the pixel
// keeps positions in range; an arc of this radius is straight in any image
constexpr float kMaxRadius = 1e5F;
constexpr float kMinRadius = 2;  // smaller circles have no curvature on the pixel grid
// an expected circle with this confidence needs no other candidates
constexpr float kSettledConfidence = 0.8F;
// error of a measured radius: a fraction of the radius, but at least this many pixels
constexpr float kRadiusError = 0.5F, kRadiusErrorOfRadius = 0.03F;
// fraction of min_confidence; a less confident duplicate must not hide a better circle
constexpr float kWorthKeeping = 0.6F;

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

CircleDetectorOptions check_options(const CircleDetectorOptions& o) {
  if (!(o.min_radius >= kMinRadius)) {
    throw OptionError(text("min_radius must be at least ", kMinRadius, " pixels, got ", o.min_radius));
  }
  if (!(o.max_radius > o.min_radius) || o.max_radius > kMaxRadius) {
    throw OptionError(text("max_radius must be greater than min_radius (", o.min_radius, ") and at most ",
                           kMaxRadius, " pixels, got ", o.max_radius));
  }
  if (o.max_circles < 1 || o.max_circles > CandidateFinder::kMaxCandidates) {
    throw OptionError(text("max_circles must be from 1 to ", CandidateFinder::kMaxCandidates,
                           " (no more are examined), got ", o.max_circles));
  }
  if (!(o.min_confidence >= 0 && o.min_confidence <= 1)) {
    throw OptionError(text("min_confidence must be from 0 to 1, got ", o.min_confidence));
  }
  if (o.roi) check_region(*o.roi);
  return o;
}

// Extends the range by the measuring error, so that circles at its ends are not lost.
RadiusRange with_error(const CircleDetectorOptions& o) {
  const auto error = [](float radius) { return std::max(kRadiusError, kRadiusErrorOfRadius * radius); };
  return {o.min_radius - error(o.min_radius), o.max_radius + error(o.max_radius)};
}

}  // namespace

void check_picture(const Plane& luma) {
  if (luma.data == nullptr || luma.rows < 1 || luma.row_bytes < 1) {
    throw Error(text("an image must have at least 1 x 1 pixels, got ", luma.row_bytes, " x ", luma.rows));
  }
  if (std::int64_t{luma.rows} * luma.row_bytes > kMaxPixels ||
      std::max(luma.rows, luma.row_bytes) > kMaxSide) {
    throw Error(text("an image may have at most ", kMaxPixels, " pixels and ", kMaxSide,
                     " on each side, got ", luma.row_bytes, " x ", luma.rows,
                     "; scale it down or cut it into tiles"));
  }
}

void move_to_picture(std::span<Circle> circles, const Region& roi) {
  for (auto& circle : circles) {
    circle.x += static_cast<float>(roi.x0);
    circle.y += static_cast<float>(roi.y0);
  }
}

CircleSearch::CircleSearch(const CircleDetectorOptions& options)
    : options_(check_options(options)),
      radii_(with_error(options)),
      full_(radii_, SearchPass::Size::Full),
      half_(radii_, SearchPass::Size::Half) {}

std::vector<Circle> CircleSearch::find(const Plane& luma, const SearchPlan& plan) {
  check_picture(luma);
  passes_.clear();
  for (SearchPass* pass : {&full_, &half_}) {
    if (pass->fits(luma)) passes_.push_back(pass);
  }
  selection_.start();
  settled_.clear();
  for (SearchPass* pass : passes_) {
    pass->look(luma, plan.cells);
    judge(*pass, luma, plan);
  }
  std::vector<Circle> circles = selection_.choose(passes_, options_);
  for (Circle& circle : circles) circle = full_.polish(circle);
  std::erase_if(circles, [&](const Circle& c) { return c.r < radii_.min || c.r > radii_.max; });
  return circles;
}

void CircleSearch::judge(SearchPass& pass, const Plane& luma, const SearchPlan& plan) {
  const auto keep = [&](const Circle& circle, const Features& features, float coverage) {
    const bool flawless = is_flawless(features);
    if (!flawless && circle.confidence < kWorthKeeping * options_.min_confidence) return false;
    selection_.add(circle, coverage, pass, flawless);
    return true;
  };
  const auto is_known = [&](const Circle& circle) {
    if (&pass == &half_ && selection_.knows(circle)) return true;
    return std::any_of(settled_.begin(), settled_.end(),
                       [&](const Circle& known) { return leads_to(circle, known); });
  };
  pass.judge_expected(
      plan.expected, [&](const Circle& circle) { return !is_known(circle); },
      [&](const Circle& circle, const Features& features, float coverage) {
        if (keep(circle, features, coverage) && circle.confidence >= kSettledConfidence)
          settled_.push_back(circle);
      });
  pass.judge_candidates(
      [&](const Circle& circle) {
        return !is_known(circle) && plan.covers(circle, luma.row_bytes, luma.rows);
      },
      keep);
}

}  // namespace vision
}  // namespace freshframe
