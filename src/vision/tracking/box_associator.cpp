// The box tracker without images, part of the public C++ interface.
// SPDX-License-Identifier: Apache-2.0
//
// Association is done by TrackSet, after ByteTrack: boxes of any confidence continue tracks, but only
// confident ones start them. BoxMotion is its motion model. This file has the thresholds, and checks the
// options.
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <sstream>

#include "vision/tracking/box_motion.hpp"
#include "vision/tracking/track_set.hpp"

namespace freshframe {

namespace {

// Boxes count as confident from 0.5, as in ByteTrack.
constexpr float kSureScore = 0.5F;
constexpr float kCertainScore = 0.8F;

void check_fraction(const char* name, float value) {
  if (value >= 0 && value <= 1) return;
  std::ostringstream message;
  message << name << " must be from 0 to 1, got " << value;
  throw OptionError(message.str());
}

vision::TrackRules track_rules(const BoxTrackerOptions& options) {
  return {.max_gap = options.max_gap,
          .sure_confidence = std::max(kSureScore, options.min_confidence),
          .certain_confidence = kCertainScore};
}

}  // namespace

struct BoxAssociator::Impl {
  Impl(const BoxTrackerOptions& o, std::int64_t last_id)
      : tracks({.least_overlap = double{o.min_iou}, .least_confidence = o.min_confidence}, track_rules(o),
               last_id) {
    check_fraction("min_confidence", o.min_confidence);
    check_fraction("min_iou", o.min_iou);
  }

  vision::BoxTracks tracks;
};

BoxAssociator::BoxAssociator(const BoxTrackerOptions& options, std::int64_t last_id)
    : impl_(std::make_unique<Impl>(options, last_id)) {}
BoxAssociator::BoxAssociator(BoxAssociator&&) noexcept = default;
BoxAssociator& BoxAssociator::operator=(BoxAssociator&&) noexcept = default;
BoxAssociator::~BoxAssociator() = default;

std::int64_t BoxAssociator::last_id() const noexcept {
  return impl_->tracks.last_id();
}

TrackedBoxes BoxAssociator::update(double pts, std::span<const Detection> found) {
  auto& tracks = impl_->tracks;
  tracks.advance(pts);
  tracks.take(found);
  TrackedBoxes result;
  for (const std::size_t row : tracks.confirmed_finds()) {
    const auto& track = *tracks.find_confirmed(row);
    result.rows.push_back(static_cast<std::int64_t>(row));
    result.ids.push_back(track.id);
    result.tracks.push_back(tracks.info(track));
  }
  return result;
}

}  // namespace freshframe
