// The nodes that find and track circles, and the search without a node.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "vision/frame_sizes.hpp"
#include "vision/search/circle_search.hpp"
#include "vision/search/partial_search.hpp"
#include "vision/tracking/circle_motion.hpp"
#include "vision/tracking/track_ids.hpp"

namespace freshframe {

struct CircleFinder::Impl {
  explicit Impl(const CircleDetectorOptions& options) : search(options), roi(options.roi) {}
  vision::CircleSearch search;
  std::optional<Region> roi;
  vision::FrameSizes sizes = {};
};

CircleFinder::CircleFinder(const CircleDetectorOptions& options) : impl_(std::make_unique<Impl>(options)) {}
CircleFinder::CircleFinder(CircleFinder&&) noexcept = default;
CircleFinder& CircleFinder::operator=(CircleFinder&&) noexcept = default;
CircleFinder::~CircleFinder() = default;

std::vector<Circle> CircleFinder::find(const Plane& luma) {
  if (!impl_->roi) return impl_->search.find(luma);
  auto found = impl_->search.find(view_part(luma, *impl_->roi));
  vision::move_to_picture(found, *impl_->roi);
  return found;
}

void CircleFinder::check_size(const Sample<Frame>& sample, const Context& context) {
  if (impl_->roi) vision::see_roi(impl_->sizes, sample, context);
}

void CircleFinder::source_gone(int source) {
  impl_->sizes.forget(source);
}

CircleDetector::CircleDetector(const CircleDetectorOptions& options) : finder_(options) {}

Circles CircleDetector::detect(const Frame& frame) {
  return Circles{.circles = finder_.find(frame.luma()), .ids = {}, .tracks = {}};
}

std::optional<Circles> CircleDetector::process(const Sample<Frame>& sample, const Context& context) {
  finder_.check_size(sample, context);
  return detect(sample.value);
}

struct CircleTracker::Impl {
  struct Source {
    vision::CircleTracks tracks;
    vision::PartialSearch partial;
  };

  explicit Impl(const CircleTrackerOptions& o) : options(o), search(o.detector) {
    static_cast<void>(make_source());  // rejects invalid options now, not at the first sample
  }

  [[nodiscard]] Source make_source() const {
    return {vision::CircleTracks({}, vision::circle_rules(options), ids.last_used()),
            vision::PartialSearch(options.full_every)};
  }

  Source& get_source(int number) {
    const auto known = sources.find(number);
    if (known != sources.end()) return known->second;
    return sources.emplace(number, make_source()).first->second;
  }

  CircleTrackerOptions options;
  vision::CircleSearch search;
  std::map<int, Source> sources;
  vision::TrackIds ids;
  vision::FrameSizes sizes;  // for roi
};

CircleTracker::CircleTracker(const CircleTrackerOptions& options) : impl_(std::make_unique<Impl>(options)) {}
CircleTracker::~CircleTracker() = default;

void CircleTracker::source_gone(int source) {
  const auto known = impl_->sources.find(source);
  if (known == impl_->sources.end()) return;
  impl_->ids.source_gone(known->second.tracks.last_id());
  impl_->sources.erase(known);
  impl_->sizes.forget(source);
}

void CircleTracker::continue_ids(const CircleTracker& before) {
  impl_->ids.follow(before.impl_->ids);
}

Circles CircleTracker::update(const Frame& frame, double pts, int source_number) {
  Impl::Source& source = impl_->get_source(source_number);
  source.tracks.advance(pts);
  const auto& roi = impl_->options.detector.roi;
  const auto luma = roi ? view_part(frame.luma(), *roi) : frame.luma();
  const auto found = source.partial.find(impl_->search, luma, source.tracks);
  source.tracks.take(found);
  impl_->ids.use(source.tracks.last_id());
  auto circles = vision::tracked_circles(source.tracks, found);
  if (roi) vision::move_to_picture(circles.circles, *roi);
  return circles;
}

std::optional<Circles> CircleTracker::process(const Sample<Frame>& sample, const Context& context) {
  if (impl_->options.detector.roi) vision::see_roi(impl_->sizes, sample, context);
  return update(sample.value, sample.stamp.pts, sample.stamp.source);
}

}  // namespace freshframe
