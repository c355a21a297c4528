// The tracker of circles without pictures, in the public C++ interface: a TrackSet of CircleMotion.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <memory>
#include <vector>

#include "vision/tracking/circle_motion.hpp"

namespace freshframe {

struct CircleAssociator::Impl {
  explicit Impl(const CircleTrackerOptions& options) : tracks({}, vision::circle_rules(options)) {}
  vision::CircleTracks tracks;
};

CircleAssociator::CircleAssociator(const CircleTrackerOptions& options)
    : impl_(std::make_unique<Impl>(options)) {}
CircleAssociator::CircleAssociator(CircleAssociator&&) noexcept = default;
CircleAssociator& CircleAssociator::operator=(CircleAssociator&&) noexcept = default;
CircleAssociator::~CircleAssociator() = default;

Circles CircleAssociator::update(double pts, const std::vector<Circle>& found) {
  impl_->tracks.advance(pts);
  impl_->tracks.take(found);
  return vision::tracked_circles(impl_->tracks, found);
}

}  // namespace freshframe
