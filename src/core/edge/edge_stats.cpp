// Statistics and queries of an inbox.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"

namespace freshframe::core {

EdgeStats read_counts(const Edge& edge) {
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
    result.events_lost += lane->kept.lost_count();
  }
  result.source_count =
      std::max<std::size_t>(1, edge.ended ? edge.options.sources.size() : edge.lanes.size());
  return result;
}

void describe(const Edge& edge, EdgeStats& stats, std::optional<Span> span, TimePoint now) {
  stats.number = edge.options.number;
  stats.parent = edge.options.parent_name;
  stats.queue = edge.options.queue;
  stats.of = edge.options.only;
  stats.joined = edge.options.joined;
  stats.max_rate = edge.options.max_rate;
  stats.every = edge.options.every;
  for (const auto& [cause, count] : stats.drops) {
    if (is_lost(stats, cause)) stats.lost += count;
  }
  if (!span) return;
  const auto age = edge.age.quantiles(*span, now);
  stats.age_p50 = age.p50;
  stats.age_p99 = age.p99;
}

std::vector<EdgeStats> Inbox::stats(std::optional<Span> span) const {
  auto [edges, result] = inspect([](const Contents& contents) {
    std::vector<EdgeStats> counts;
    for (const auto& edge : contents.lanes.edges()) counts.push_back(read_counts(*edge));
    return std::pair(contents.lanes.edges(), std::move(counts));
  });
  const auto now = clock_->now();
  for (std::size_t i = 0; i < edges.size(); ++i) {
    describe(*edges[i], result[i], span, now);
    result[i].child = consumer_;
  }
  return result;
}

bool is_over(const Inbox& inbox, const Edge& edge) {
  return inbox.inspect([&](const Inbox::Contents& /*view*/) {
    return edge.ended && std::ranges::none_of(
                             edge.lanes, [](const auto& lane) { return lane->ready || lane->in_sets > 0; });
  });
}

bool has_ended(const Inbox& inbox) {
  return inbox.inspect([](const Inbox::Contents& contents) {
    const bool any_waits = contents.sets != nullptr ? contents.sets->any_ready() : contents.lanes.any_ready();
    return contents.stop.closed || (contents.lanes.all_ended(contents.stop.closed) && !any_waits);
  });
}

std::vector<EdgeSetup> list_edges(const Inbox& inbox) {
  return inbox.inspect([](const Inbox::Contents& contents) {
    std::vector<EdgeSetup> result;
    for (const auto& edge : contents.lanes.edges()) result.push_back(edge->options);
    return result;
  });
}

std::int64_t frame_bound(const Inbox& inbox) {
  return inbox.inspect([](const Inbox::Contents& contents) {
    std::int64_t bound = 0;
    for (const auto& edge : contents.lanes.edges()) {
      const auto lanes = std::max<std::int64_t>(1, static_cast<std::int64_t>(edge->lanes.size()));
      bound += edge->options.queue.depth * lanes + 1;
      if (edge->options.events) bound += lanes;  // see KeptEvents
    }
    return bound;
  });
}

std::uint64_t count_delivered(const Inbox& inbox) {
  return inbox.inspect([](const Inbox::Contents& contents) {
    std::uint64_t sum = 0;
    for (const auto& edge : contents.lanes.edges()) {
      sum += edge->past.delivered;
      for (const auto& lane : edge->lanes) sum += lane->counts.delivered;
    }
    return sum;
  });
}

std::optional<std::string> full_blocking_parent(const Inbox& inbox) {
  return inbox.inspect([](const Inbox::Contents& contents) -> std::optional<std::string> {
    if (contents.stop.closed) return std::nullopt;
    for (const Lane* const lane : contents.lanes.all()) {
      if (lane->queue.blocks() && lane->full()) return lane->edge->options.parent_name;
    }
    return std::nullopt;
  });
}

std::optional<Seconds> look_within(const Inbox& inbox) {
  if (!inbox.joins()) return std::nullopt;
  return inbox.inspect([](const Inbox::Contents& contents) {
    return contents.sets != nullptr ? contents.sets->look_within() : std::nullopt;
  });
}

std::optional<JoinStats> join_stats(const Inbox& inbox, Span span) {
  if (!inbox.joins()) return std::nullopt;
  return inbox.inspect([&](const Inbox::Contents& contents) {
    return contents.sets != nullptr ? std::optional(contents.sets->stats(span)) : std::nullopt;
  });
}

std::optional<StarvedJoin> starved_join(const Inbox& inbox) {
  if (!inbox.joins()) return std::nullopt;
  return inbox.inspect([](const Inbox::Contents& contents) {
    return contents.sets != nullptr ? contents.sets->find_starved() : std::nullopt;
  });
}

}  // namespace freshframe::core
