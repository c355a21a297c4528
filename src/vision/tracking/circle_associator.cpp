// The tracker of circles without images, part of the public C++ interface: a TrackSet of CircleMotion.
// SPDX-License-Identifier: Apache-2.0
//
// TrackSet matches the detections of an image with its tracks at the lowest total cost, and confirms and ends
// tracks. CircleMotion computes how well a detection fits a track. Users get the detections with a confirmed
// track, and the ids of these tracks. The search in images (circle_search.cpp) has tracks of the same kind,
// which also determine where to search first, and makes its results with the same two functions.
#include "freshframe/vision.hpp"

#include <cstddef>
#include <memory>
#include <vector>

#include "vision/tracking/circle_motion.hpp"

namespace freshframe {

namespace vision {

TrackRules circle_rules(const CircleTrackerOptions& options) {
  return {.max_gap = options.max_gap};
}

Circles tracked_circles(const CircleTracks& tracks, const std::vector<Circle>& found) {
  const auto finds = tracks.confirmed_finds();
  Circles result{.circles = {}, .ids = {}, .tracks = {}, .tracked = true};
  result.circles.reserve(finds.size());
  result.ids.reserve(finds.size());
  result.tracks.reserve(finds.size());
  for (const std::size_t j : finds) {
    const auto& track = *tracks.find_confirmed(j);
    result.circles.push_back(found[j]);
    result.ids.push_back(track.id);
    result.tracks.push_back(tracks.info(track));
  }
  return result;
}

}  // namespace vision

struct CircleAssociator::Impl {
  explicit Impl(const CircleTrackerOptions& options) : tracks({}, vision::circle_rules(options)) {}
  vision::CircleTracks tracks;
};

CircleAssociator::CircleAssociator(const CircleTrackerOptions& options)
    : impl_(std::make_unique<Impl>(options)) {}
CircleAssociator::CircleAssociator(CircleAssociator&&) noexcept = default;
CircleAssociator& CircleAssociator::operator=(CircleAssociator&&) noexcept = default;
CircleAssociator::~CircleAssociator() = default;

// If time goes backwards, all tracks end. A circle whose numbers are not finite or out of bounds gets no
// track: see CircleMotion::counts().
Circles CircleAssociator::update(double pts, const std::vector<Circle>& found) {
  impl_->tracks.advance(pts);
  impl_->tracks.take(found);
  return vision::tracked_circles(impl_->tracks, found);
}

}  // namespace freshframe
