// The statistics of an inbox: its edges' counters, and which one is full.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/edge/inbox.hpp"

namespace freshframe::core {

EdgeStats Inbox::counts_locked(const Edge& edge) const {
  EdgeStats result;
  const auto add = [&](const EdgeCounts& counts) {
    result.passed_in += counts.passed_in;
    result.delivered += counts.delivered;
    result.events_lost += counts.events_lost;
    for (std::size_t cause = 0; cause < counts.drops.size(); ++cause) {
      if (counts.drops[cause] == 0) continue;
      result.drops[static_cast<DropCause>(cause)] += counts.drops[cause];
      result.dropped += counts.drops[cause];
    }
  };
  add(edge.past);
  for (const auto& lane : edge.lanes) {
    add(lane->counts);
    result.waiting += lane->size + lane->in_sets;
    result.events_lost += lane->kept.lost();
  }
  result.sources = std::max<std::size_t>(1, edge.ended ? edge.options.sources.size() : edge.lanes.size());
  return result;
}

void Inbox::describe(const Edge& edge, EdgeStats& stats, std::optional<Span> span, TimePoint now) const {
  stats.number = edge.options.number;
  stats.parent = edge.options.parent_name;
  stats.child = consumer_;
  stats.queue = edge.options.queue;
  stats.only = edge.options.only;
  stats.joined = edge.options.joined;
  stats.max_rate = edge.options.max_rate;
  if (!span) return;
  const auto age = edge.age.quantiles(*span, now);
  stats.age_p50 = age.p50;
  stats.age_p99 = age.p99;
}

std::vector<EdgeStats> Inbox::stats(std::optional<Span> span) const {
  std::vector<EdgeRef> edges;
  std::vector<EdgeStats> result;
  {
    const Lock lock(mutex_);
    edges = lanes_.edges();
    for (const auto& edge : edges) result.push_back(counts_locked(*edge));
  }
  const auto now = clock_->now();
  for (std::size_t i = 0; i < edges.size(); ++i) describe(*edges[i], result[i], span, now);
  return result;
}

std::vector<Inbox::EdgeOptions> Inbox::edges() const {
  const Lock lock(mutex_);
  std::vector<EdgeOptions> result;
  for (const auto& edge : lanes_.edges()) result.push_back(edge->options);
  return result;
}

std::int64_t Inbox::frame_bound() const {
  const Lock lock(mutex_);
  std::int64_t bound = 0;
  for (const auto& edge : lanes_.edges()) {
    const auto lanes = std::max<std::int64_t>(1, static_cast<std::int64_t>(edge->lanes.size()));
    bound += edge->options.queue.depth * lanes + 1;
    if (edge->options.events) bound += lanes;  // see KeptEvents
  }
  return bound;
}

std::uint64_t Inbox::delivered() const {
  const Lock lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& edge : lanes_.edges()) {
    sum += edge->past.delivered;
    for (const auto& lane : edge->lanes) sum += lane->counts.delivered;
  }
  return sum;
}

std::optional<std::string> Inbox::full_blocking_parent() const {
  const Lock lock(mutex_);
  if (stop_.closed) return std::nullopt;
  for (const Lane* const lane : lanes_.all()) {
    if (lane->queue.blocks() && lane->full()) return lane->edge->options.parent_name;
  }
  return std::nullopt;
}

}  // namespace freshframe::core
