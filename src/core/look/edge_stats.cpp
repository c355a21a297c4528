// The statistics of an inbox: its edges' counters, and which one is full.
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/edge/inbox.hpp"

namespace freshframe::core {

std::vector<EdgeStats> Inbox::stats(Span span) const {
  std::vector<EdgeStats> result(options_.size());
  {
    const Lock lock(mutex_);
    for (const auto& each : lanes_) {
      const Lane& lane = *each;
      auto& edge = result[lane.edge];
      edge.passed_in += lane.passed_in;
      edge.delivered += lane.delivered;
      edge.waiting += lane.size;
      edge.events_lost += lane.kept.lost();
      for (std::size_t cause = 0; cause < lane.drops.size(); ++cause) {
        if (lane.drops[cause] == 0) continue;
        edge.drops[static_cast<DropCause>(cause)] += lane.drops[cause];
        edge.dropped += lane.drops[cause];
      }
    }
  }
  const auto now = clock_->now();
  for (std::size_t i = 0; i < options_.size(); ++i) {
    result[i].parent = options_[i].parent_name;
    result[i].child = consumer_;
    result[i].queue = options_[i].queue;
    result[i].sources = lanes_of_[i].count;
    result[i].only = options_[i].only;
    const auto age = ages_[i]->quantiles(span, now);
    result[i].age_p50 = age.p50;
    result[i].age_p99 = age.p99;
  }
  return result;
}

std::uint64_t Inbox::delivered() const {
  const Lock lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& lane : lanes_) sum += lane->delivered;
  return sum;
}

std::optional<std::string> Inbox::full_blocking_parent() const {
  const Lock lock(mutex_);
  if (closed_) return std::nullopt;
  for (const auto& lane : lanes_) {
    if (lane->queue.blocks() && full_locked(*lane)) return options_[lane->edge].parent_name;
  }
  return std::nullopt;
}

}  // namespace freshframe::core
