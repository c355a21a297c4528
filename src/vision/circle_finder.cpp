// Runs the stages of the circle search and refuses what they cannot work on.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "vision/circle_model.hpp"
#include "vision/circle_search.hpp"
#include "vision/rim_edges.hpp"

namespace freshframe {
namespace vision {
namespace {

constexpr std::int64_t kMaxPixels = std::int64_t{1} << 28;  // byte offsets are 32 bit, rows are padded
constexpr int kMaxSide = 1 << 20;                           // positions have ten bits below the pixel
constexpr float kMaxRadius = 1e5F;     // keeps positions in range; such an arc is straight in any picture
constexpr float kMinRadius = 2;        // smaller circles have no curvature on the pixel grid
constexpr float kSettled = 0.8F;       // an expected circle this good needs no other candidates
constexpr float kWorthKeeping = 0.6F;  // of min_score; a worse twin must not hide a better circle

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

CircleDetectorOptions checked(const CircleDetectorOptions& o) {
  if (!(o.min_radius >= kMinRadius)) {
    throw GraphError(text("min_radius must be at least ", kMinRadius, " pixels, got ", o.min_radius));
  }
  if (!(o.max_radius > o.min_radius) || o.max_radius > kMaxRadius) {
    throw GraphError(text("max_radius must be greater than min_radius (", o.min_radius, ") and at most ",
                          kMaxRadius, " pixels, got ", o.max_radius));
  }
  if (o.max_circles < 1) throw GraphError(text("max_circles must be at least 1, got ", o.max_circles));
  if (!(o.min_score >= 0 && o.min_score <= 1)) {
    throw GraphError(text("min_score must be from 0 to 1, got ", o.min_score));
  }
  return o;
}

}  // namespace

void check_picture(const Plane& luma) {
  if (luma.data == nullptr || luma.rows < 1 || luma.row_bytes < 1) {
    throw Error(text("a picture of at least 1 x 1 pixels is wanted, got ", luma.row_bytes, " x ", luma.rows));
  }
  if (std::int64_t{luma.rows} * luma.row_bytes > kMaxPixels ||
      std::max(luma.rows, luma.row_bytes) > kMaxSide) {
    throw Error(text("a picture of at most ", kMaxPixels, " pixels and ", kMaxSide,
                     " on each side is wanted, got ", luma.row_bytes, " x ", luma.rows,
                     "; scale it down or cut it into tiles"));
  }
}

CircleSearch::CircleSearch(const CircleDetectorOptions& options)
    : options_(checked(options)), radii_{options.min_radius, options.max_radius}, refinement_(radii_) {}

std::vector<Circle> CircleSearch::find(const Plane& luma, const CircleFocus& focus) {
  check_picture(luma);
  if (luma.rows < GradientField::kMinSide || luma.row_bytes < GradientField::kMinSide) return {};
  field_.compute(luma);
  if (focus.cells != nullptr) field_.keep_edges(*focus.cells);
  chains_.trace(field_);
  arcs_.find(chains_, field_, radii_);
  candidates_.find(arcs_.arcs(), field_.width(), field_.height(), radii_);
  validate_candidates(focus);
  return selection_.choose(field_, rim_, options_);
}

void CircleSearch::validate_candidates(const CircleFocus& focus) {
  refinement_.start(field_);
  selection_.start();
  settled_.clear();
  for (Circle circle : focus.expected) {
    if (validate(circle, std::nullopt) && circle.score >= kSettled) settled_.push_back(circle);
  }
  for (Circle circle : candidates_.candidates()) {
    const auto is_same = [&](const Circle& known) { return leads_to(circle, known); };
    if (std::any_of(settled_.begin(), settled_.end(), is_same)) continue;
    if (!focus.covers(circle, field_.width(), field_.height())) continue;
    static_cast<void>(validate(circle, circle.score));
  }
}

// `arcs`: how much of the circle arcs covered, if that is known. True when it is refined and kept.
bool CircleSearch::validate(Circle& circle, std::optional<float> arcs) {
  if (!refinement_.refine(circle, rim_)) return false;
  const auto features = rim_features(field_, circle, rim_, arcs ? *arcs : likely_arcs(circle, rim_));
  circle.score = circle_probability(features);
  if (observer_) observer_(circle, features);
  if (circle.score < kWorthKeeping * options_.min_score) return false;
  selection_.add(circle, rim_coverage(circle, rim_));
  return true;
}

}  // namespace vision

struct CircleFinder::Impl {
  explicit Impl(const CircleDetectorOptions& options) : search(options) {}
  vision::CircleSearch search;
};

CircleFinder::CircleFinder(const CircleDetectorOptions& options) : impl_(std::make_unique<Impl>(options)) {}
CircleFinder::CircleFinder(CircleFinder&&) noexcept = default;
CircleFinder& CircleFinder::operator=(CircleFinder&&) noexcept = default;
CircleFinder::~CircleFinder() = default;

std::vector<Circle> CircleFinder::find(const Plane& luma) {
  return impl_->search.find(luma);
}

}  // namespace freshframe
