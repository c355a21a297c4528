// The node that gives boxes identities.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace freshframe {

struct BoxTracker::Impl {
  BoxTrackerOptions options;
  std::map<int, BoxAssociator> sources;

  BoxAssociator& of_source(int number) {
    const auto known = sources.find(number);
    if (known != sources.end()) return known->second;
    return sources.emplace(number, BoxAssociator(options)).first->second;
  }
};

BoxTracker::BoxTracker(const BoxTrackerOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  static_cast<void>(BoxAssociator(options));  // refuses bad options now, not at the first sample
}
BoxTracker::~BoxTracker() = default;

void BoxTracker::source_gone(int source) {
  impl_->sources.erase(source);
}

Detections BoxTracker::update(const Detections& found, double time, int source) {
  auto tracked = impl_->of_source(source).update(time, found.boxes);
  Detections result{.boxes = {},
                    .names = found.names,
                    .ids = std::move(tracked.ids),
                    .tracks = std::move(tracked.tracks),
                    .tracked = true,
                    .further = found.further};
  result.boxes.reserve(tracked.rows.size());
  for (auto& row : tracked.rows) {
    const auto index = static_cast<std::size_t>(row);
    result.boxes.push_back(found.boxes[index]);
    if (found.rows) row = found.rows->at(index);
  }
  result.rows = std::move(tracked.rows);
  return result;
}

std::optional<Detections> BoxTracker::process(const Sample<Detections>& sample, const Context& /*context*/) {
  return update(sample.value, sample.stamp.pts, sample.stamp.source);
}

}  // namespace freshframe
