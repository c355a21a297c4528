// The graph nodes around the circle detector and the tracker.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <map>
#include <optional>

namespace freshframe {

CircleDetector::CircleDetector(const CircleDetectorOptions& options) : finder_(options) {}

std::optional<Circles> CircleDetector::process(const Sample<Frame>& sample, const Context& /*context*/) {
  return Circles{.circles = finder_.find(sample.value.luma()), .ids = {}};
}

struct CircleTracker::Impl {
  explicit Impl(const CircleTrackerOptions& o) : options(o), finder(o.detector) {
    static_cast<void>(CircleAssociator(o));  // refuses bad options now, not at the first sample
  }

  CircleAssociator& of_source(int source) {
    const auto known = associators.find(source);
    if (known != associators.end()) return known->second;
    return associators.emplace(source, CircleAssociator(options)).first->second;
  }

  CircleTrackerOptions options;
  CircleFinder finder;
  std::map<int, CircleAssociator> associators;
};

CircleTracker::CircleTracker(const CircleTrackerOptions& options) : impl_(std::make_unique<Impl>(options)) {}
CircleTracker::~CircleTracker() = default;

std::optional<Circles> CircleTracker::process(const Sample<Frame>& sample, const Context& /*context*/) {
  return impl_->of_source(sample.stamp.source)
      .update(sample.stamp.pts, impl_->finder.find(sample.value.luma()));
}

}  // namespace freshframe
