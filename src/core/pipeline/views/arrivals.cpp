// How much of a live source's stream has arrived at a node.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/views/arrivals.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ranges>
#include <set>

#include "core/pipeline/graph/graph_facts.hpp"
#include "core/pipeline/parts/pipeline_parts.hpp"
#include "core/pipeline/runner/runner.hpp"

namespace freshframe::core {
namespace {

constexpr std::chrono::milliseconds kRest(
    250);  // minimum between two checks, so that a preempted thread does not look idle
constexpr std::chrono::seconds kLookBack(60);  // only calls that ended since then are searched

// The samples of a source at a consumer, and of sources that share its lanes.
struct SourceFlow {
  std::uint64_t delivered = 0;
  bool waits = false;  // whether some of them wait to be taken
};

SourceFlow look_at(const Inbox& inbox, int source) {
  return inbox.inspect([source](const Inbox::Contents& contents) {
    SourceFlow flow;
    for (const Lane* const lane : contents.lanes.all()) {
      if (lane->source >= 0 && lane->source != source) continue;
      flow.delivered += lane->counts.delivered;
      flow.waits = flow.waits || lane->size + lane->in_sets > 0 || lane->producer_waits;
    }
    return flow;
  });
}

// Number of calls (or batches) of a node that have ended since then.
std::size_t count_turns(const Runner& runner, TimePoint since) {
  auto calls = runner.meter().calls().calls(since);
  const auto same = std::ranges::unique(calls, {}, &Call::done);
  return calls.size() - same.size();
}

// Capture time of the newest sample of a source that a node has definitely finished, so that its results were
// sent. Samples of one batch finish at the same time.
std::optional<TimePoint> find_finished(const Graph& graph, const Runner& runner, int source, TimePoint now) {
  const auto calls = runner.meter().calls().calls(now - kLookBack);
  if (calls.empty()) return std::nullopt;
  const auto latest = calls.back().done;
  for (const auto& call : calls | std::views::reverse) {
    if (call.source != source || call.done >= latest) continue;
    const auto read = graph.runner(source).meter().calls().calls(now - kLookBack);
    const auto found = std::ranges::find(read, call.seq, &Call::seq);
    return found != read.end() ? std::optional(found->taken) : std::nullopt;
  }
  return std::nullopt;
}

// Returns true if there are sources upstream and all have ended. A source's state changes before its edges
// end, so this holds for a node that has noticed the end of the last one, even if other nodes on the way have
// not ended.
bool have_sources_ended(const Graph& graph, int node) {
  bool any = false;
  for (const auto& wire : graph.list_wires(node)) {
    for (const int source : sources_on(graph, wire)) {
      const auto& runner = graph.runner(source);
      if (!runner.is_source()) continue;  // a node's own stream ends with the node's input
      if (!has_ended(runner.meter().state())) return false;
      any = true;
    }
  }
  return any;
}

// Returns true if the node, or one upstream of it, is a merge that does not end with its last source.
bool stays_open(const Graph& graph, int node, std::set<int>& visited) {
  if (!visited.insert(node).second) return false;
  const auto is_open = [&](const Wire& wire) { return stays_open(graph, wire.parent, visited); };
  return graph.place(node).open || std::ranges::any_of(graph.list_wires(node), is_open);
}

std::set<int> list_sources(const PipelineParts& core, int node) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  const auto& graph = guarded.graph;
  std::set<int> sources;
  if (!graph.has(node)) return sources;
  for (const auto& wire : graph.list_wires(node)) {
    const auto upstream = sources_on(graph, wire);
    sources.insert(upstream.begin(), upstream.end());
  }
  return sources;
}

}  // namespace

std::optional<TimePoint> Arrivals::until(const PipelineParts& core, int source) {
  const auto now = core.clock()->now();
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  const auto& graph = guarded.graph;
  if (!graph.has(node_) || !graph.has(source) || !graph.is_live(source)) return std::nullopt;
  const auto above = at_input(graph, node_, source, now);
  if (look_at(graph.runner(node_).inbox(), source).waits) return std::nullopt;
  return above;
}

std::map<int, TimePoint> Arrivals::list(const PipelineParts& core) {
  const auto sources = list_sources(core, node_);
  std::map<int, TimePoint> found;
  for (const int source : sources) {
    if (const auto there = until(core, source)) found.emplace(source, *there);
  }
  return found;
}

std::optional<TimePoint> Arrivals::at_input(const Graph& graph, int node, int source, TimePoint now) {
  std::optional<TimePoint> earliest;
  for (const auto& wire : graph.list_wires(node)) {
    if (!std::ranges::binary_search(sources_on(graph, wire), source)) continue;
    const auto there = at_output(graph, wire.parent, source, now);
    if (!there) return std::nullopt;
    earliest = std::min(*there, earliest.value_or(*there));
  }
  return earliest;
}

std::optional<TimePoint> Arrivals::at_output(const Graph& graph, int node, int source, TimePoint now) {
  if (node == source) {
    const auto stats = graph.runner(node).stats(std::nullopt).source;
    return now - to_duration(Seconds(stats ? stats->behind.value_or(0) : 0));
  }
  const auto above = at_input(graph, node, source, now);
  const auto& runner = graph.runner(node);
  if (has_rested(runner, source, now)) return above;
  return find_finished(graph, runner, source, now);
}

// See Note [Silence].
bool Arrivals::has_rested(const Runner& runner, int source, TimePoint now) {
  auto& look = looks_[{runner.index(), source}];
  const auto flow = look_at(runner.inbox(), source);
  if (flow.waits || flow.delivered != look.delivered) look = {flow.delivered, now, std::nullopt};
  if (runner.meter().state() != NodeState::Waiting) {
    look.waits_since.reset();
  } else if (!look.waits_since) {
    look.waits_since = now;
  }
  if (flow.waits) return false;
  return (look.waits_since && now - *look.waits_since >= kRest) || count_turns(runner, look.since) >= 2;
}

bool has_input_ended(const PipelineParts& core, int node) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  const auto& graph = guarded.graph;
  if (!graph.has(node)) return false;
  if (has_ended(graph.runner(node).inbox())) return true;
  std::set<int> visited;
  const bool others_may_follow = core.options().keep_running && stays_open(graph, node, visited);
  return !others_may_follow && have_sources_ended(graph, node);
}

bool is_live_source(const PipelineParts& core, int source) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  return guarded.graph.has(source) && guarded.graph.is_live(source);
}

}  // namespace freshframe::core
