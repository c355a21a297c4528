// The nodes that find circles and follow them, and the search without a node.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "vision/search/circle_search.hpp"
#include "vision/search/partial_search.hpp"
#include "vision/tracking/circle_motion.hpp"

namespace freshframe {

struct CircleFinder::Impl {
  explicit Impl(const CircleDetectorOptions& options) : search(options), roi(options.roi) {}
  vision::CircleSearch search;
  std::optional<Region> roi;
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

CircleDetector::CircleDetector(const CircleDetectorOptions& options) : finder_(options) {}

Circles CircleDetector::detect(const Frame& frame) {
  return Circles{.circles = finder_.find(frame.luma()), .ids = {}, .tracks = {}};
}

std::optional<Circles> CircleDetector::process(const Sample<Frame>& sample, const Context& /*context*/) {
  return detect(sample.value);
}

struct CircleTracker::Impl {
  struct Source {
    vision::CircleTracks tracks;
    vision::PartialSearch partial;
  };

  explicit Impl(const CircleTrackerOptions& o) : options(o), search(o.detector) {
    static_cast<void>(make_source());  // refuses bad options now, not at the first sample
  }

  [[nodiscard]] Source make_source() const {
    return {vision::CircleTracks({}, vision::circle_rules(options)),
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
};

CircleTracker::CircleTracker(const CircleTrackerOptions& options) : impl_(std::make_unique<Impl>(options)) {}
CircleTracker::~CircleTracker() = default;

void CircleTracker::source_gone(int source) {
  impl_->sources.erase(source);
}

Circles CircleTracker::update(const Frame& frame, double pts, int source_number) {
  Impl::Source& source = impl_->get_source(source_number);
  source.tracks.advance(pts);
  const auto& roi = impl_->options.detector.roi;
  const auto luma = roi ? view_part(frame.luma(), *roi) : frame.luma();
  const auto found = source.partial.find(impl_->search, luma, source.tracks);
  source.tracks.take(found);
  auto circles = vision::tracked_circles(source.tracks, found);
  if (roi) vision::move_to_picture(circles.circles, *roi);
  return circles;
}

std::optional<Circles> CircleTracker::process(const Sample<Frame>& sample, const Context& /*context*/) {
  return update(sample.value, sample.stamp.pts, sample.stamp.source);
}

}  // namespace freshframe
