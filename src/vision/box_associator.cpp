// The tracker of boxes as programs in C++ see it.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "vision/box_motion.hpp"

namespace freshframe {
namespace {

// As in ByteTrack: detectors of boxes are sure from a half on.
constexpr float kSureScore = 0.5F;
constexpr float kCertainScore = 0.8F;

void check_fraction(const char* name, float value) {
  if (value >= 0 && value <= 1) return;
  std::ostringstream message;
  message << name << " must be from 0 to 1, got " << value;
  throw GraphError(message.str());
}

vision::TrackRules rules_of(const BoxTrackerOptions& options) {
  return {.max_gap = options.max_gap,
          .sure_score = std::max(kSureScore, options.min_confidence),
          .certain_score = kCertainScore};
}

bool is_box(const Detection& box) {
  return std::isfinite(box.x1) && std::isfinite(box.y1) && std::isfinite(box.x2) && std::isfinite(box.y2);
}

}  // namespace

struct BoxAssociator::Impl {
  explicit Impl(const BoxTrackerOptions& o)
      : options(o), tracks({.least_overlap = double{o.iou}}, rules_of(o)) {
    check_fraction("min_confidence", o.min_confidence);
    check_fraction("iou", o.iou);
  }

  BoxTrackerOptions options;
  vision::BoxTracks tracks;
  std::vector<Detection> considered;
  std::vector<std::size_t> rows;  // of the considered boxes
};

BoxAssociator::BoxAssociator(const BoxTrackerOptions& options) : impl_(std::make_unique<Impl>(options)) {}
BoxAssociator::BoxAssociator(BoxAssociator&&) noexcept = default;
BoxAssociator& BoxAssociator::operator=(BoxAssociator&&) noexcept = default;
BoxAssociator::~BoxAssociator() = default;

TrackedBoxes BoxAssociator::update(double pts, std::span<const Detection> found) {
  Impl& self = *impl_;
  self.considered.clear();
  self.rows.clear();
  for (std::size_t row = 0; row < found.size(); ++row) {
    if (!(found[row].score >= self.options.min_confidence) || !is_box(found[row])) continue;
    self.considered.push_back(found[row]);
    self.rows.push_back(row);
  }
  self.tracks.advance(pts);
  self.tracks.take(self.considered);
  TrackedBoxes result;
  for (const std::size_t j : self.tracks.confirmed_finds()) {
    const auto& track = *self.tracks.confirmed(j);
    result.rows.push_back(static_cast<std::int64_t>(self.rows[j]));
    result.ids.push_back(track.id);
    result.tracks.push_back(self.tracks.info(track));
  }
  return result;
}

}  // namespace freshframe
