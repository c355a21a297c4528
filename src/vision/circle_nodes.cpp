// The graph nodes around the circle detector and the tracker.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <map>
#include <optional>

#include "vision/circle_motion.hpp"
#include "vision/circle_search.hpp"
#include "vision/focused_search.hpp"

namespace freshframe {

CircleDetector::CircleDetector(const CircleDetectorOptions& options) : finder_(options) {}

std::optional<Circles> CircleDetector::process(const Sample<Frame>& sample, const Context& /*context*/) {
  return Circles{.circles = finder_.find(sample.value.luma()), .ids = {}, .tracks = {}};
}

struct CircleTracker::Impl {
  struct Source {
    vision::CircleTracks tracks;
    vision::FocusedSearch focused;
  };

  explicit Impl(const CircleTrackerOptions& o) : options(o), search(o.detector) {
    static_cast<void>(made());  // refuses bad options now, not at the first sample
  }

  [[nodiscard]] Source made() const {
    return {vision::CircleTracks({}, vision::circle_rules(options)),
            vision::FocusedSearch(options.full_every)};
  }

  Source& of_source(int number) {
    const auto known = sources.find(number);
    if (known != sources.end()) return known->second;
    return sources.emplace(number, made()).first->second;
  }

  CircleTrackerOptions options;
  vision::CircleSearch search;
  std::map<int, Source> sources;
};

CircleTracker::CircleTracker(const CircleTrackerOptions& options) : impl_(std::make_unique<Impl>(options)) {}
CircleTracker::~CircleTracker() = default;

std::optional<Circles> CircleTracker::process(const Sample<Frame>& sample, const Context& /*context*/) {
  Impl::Source& source = impl_->of_source(sample.stamp.source);
  source.tracks.advance(sample.stamp.pts);
  const auto found = source.focused.find(impl_->search, sample.value.luma(), source.tracks);
  source.tracks.take(found);
  return vision::tracked_circles(source.tracks, found);
}

}  // namespace freshframe
