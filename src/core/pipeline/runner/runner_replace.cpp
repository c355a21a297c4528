// Another node takes the place of a runner's node, between two of its calls. See Note [Replacing a node].
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "core/look/watched_source.hpp"
#include "core/pipeline/changes/successor.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/runner.hpp"

namespace freshframe::core {

bool Runner::offer(const std::shared_ptr<Successor>& successor) {
  const auto present = place_.offer(successor);
  if (present == nullptr) return false;
  if (facts_.is_source) {
    present->request_stop();  // ends its read()
  } else {
    inbox_->wake();
  }
  return true;
}

bool Runner::take_successor() {
  if (!place_.has_successor()) return false;
  const auto successor = place_.take_successor();
  if (!successor) return false;
  core_.place(*this, *successor);
  return true;
}

std::shared_ptr<NodeRun> Runner::put(std::shared_ptr<NodeRun> next) {
  auto& counters = next->counters();
  for (int i = 0; i < kNodeDropCauses; ++i) {
    const auto cause = static_cast<NodeDropCause>(i);
    counters.drop(cause, place_.counters().drops(cause));
  }
  if (facts_.is_source) counters.source().follow(place_.counters().source().snapshot(clock_->now()));
  auto old = place_.put(std::move(next));
  if (auto* const watched = dynamic_cast<WatchedSource*>(&place_.own_node())) {
    for (const auto& tap : outlet_.taps()) watched->watch(tap);
  }
  stream_.begin_later();
  return old;
}

}  // namespace freshframe::core
