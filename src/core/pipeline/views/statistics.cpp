// Statistics of a pipeline, as numbers and as text.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/views/statistics.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/pipeline/graph/graph_facts.hpp"
#include "core/pipeline/graph/lossy_edges.hpp"
#include "core/pipeline/views/silent_nodes.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

// Edges are read after nodes, so no node appears to have finished or dropped more samples than it took.
void count_in_flight(Stats& stats) {
  for (auto& node : stats.nodes) {
    if (node.workers.empty()) continue;
    std::uint64_t taken = 0;
    for (const auto& edge : stats.edges) {
      if (edge.child == node.name) taken += edge.delivered;
    }
    const auto done = node.processed + node.dropped;
    node.in_flight = taken > done ? taken - done : 0;
  }
}

template <class Cause>
bool all_by_design(const std::map<Cause, std::uint64_t>& drops) {
  return std::ranges::all_of(
      drops, [](const auto& drop) { return describe_cause(drop.first).meaning == DropMeaning::ByDesign; });
}

NodeKind find_kind(const NodeBase& node) {
  if (node.is_source()) return NodeKind::Source;
  return node.output_type() == get_type<Nothing>() ? NodeKind::Sink : NodeKind::Node;
}

}  // namespace

Stats collect_stats(const PipelineParts& core) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  return collect_stats(core, guarded, core.life().has_ended() ? Span::WholeRun : Span::Recent);
}

Stats collect_stats(const PipelineParts& core, const GuardedGraph& guarded, std::optional<Span> span) {
  Stats result;
  const auto& graph = guarded.graph;
  const bool started = core.life().has_started();
  for (const auto& runner : graph.runners()) {
    result.nodes.push_back(runner->stats(span));
    // Before the start, another thread may be connecting the edges.
    if (started)
      result.nodes.back().join = join_stats(std::as_const(*runner).inbox(), span.value_or(Span::Recent));
  }
  if (started) {
    for (const auto* inbox : inboxes(graph)) {
      for (auto& edge : inbox->stats(span)) result.edges.push_back(std::move(edge));
    }
  }
  count_in_flight(result);
  result.removed = guarded.left.sums;
  result.elapsed = core.life().uptime();
  result.held_bytes = core.budget()->held_bytes();
  result.device_bytes = core.budget()->device_bytes();
  result.pool = {core.budget()->bound(), core.budget()->published_count(), FramePool::get_shared().stats()};
  return result;
}

Report make_report(const PipelineParts& core) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  Report result;
  result.stats = collect_stats(core, guarded, Span::WholeRun);
  const auto kept_all = [](const auto& each) { return all_by_design(each.drops); };
  const bool whole = std::ranges::all_of(guarded.graph.runners(), [](const auto& runner) {
    return runner->life().closed_cleanly() && !runner->life().cut_short();
  });
  const auto& left = guarded.left;
  const bool removed_kept_all =
      left.whole && all_by_design(left.sums.drops) && all_by_design(left.sums.node_drops);
  result.complete = core.life().has_ended() && std::ranges::all_of(result.stats.edges, kept_all) &&
                    std::ranges::all_of(result.stats.nodes, kept_all) && removed_kept_all && whole &&
                    !core.failure().has_failed();
  result.failures = left.failures;
  for (const auto& runner : guarded.graph.runners()) {
    if (const auto silent = find_silence(*runner, kFewSamples))
      result.silent.push_back("node '" + silent->name + "' " + silent->text());
  }
  result.samples = left.sums.samples;
  for (const auto& runner : guarded.graph.runners()) {
    if (runner->is_source()) result.samples += runner->meter().processed_count();
  }
  return result;
}

GraphState graph_state(const PipelineParts& core, bool times) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  const auto& graph = guarded.graph;
  GraphState result;
  result.phase = core.life().phase();
  const auto span = core.life().has_ended() ? Span::WholeRun : Span::Recent;
  result.stats = collect_stats(core, guarded, times ? std::optional(span) : std::nullopt);
  for (const auto& runner : graph.runners()) {
    const auto kept = runner->node();
    const auto& node = *kept;
    const int companion_of = graph.place(runner->index()).companion_of;
    result.nodes.push_back({find_kind(node), node.contract().runs_outside,
                            node.output_type() == get_type<Frame>(), list_views(graph, runner->index()),
                            core.life().has_started() && graph.is_live(runner->index()),
                            runner->facts().batch ? runner->facts().batch->size : 0,
                            companion_of < 0 ? std::string() : core.names()->find_name(companion_of)});
  }
  for (const auto& [reader, wires, join] : graph.readers().all()) result.readers.push_back(reader->name());
  return result;
}

std::optional<std::int64_t> find_total(const PipelineParts& core) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  return total(guarded.graph);
}

std::vector<std::string> busy_nodes(const PipelineParts& core) {
  std::vector<std::string> names;
  for (const auto& runner : core.runners()) {
    if (!runner->life().is_finished()) names.push_back(runner->name());
  }
  for (const auto& runner : core.life().list_replaced()) {
    if (std::ranges::find(names, runner->name()) == names.end()) names.push_back(runner->name());
  }
  return names;
}

std::string list_busy(const std::vector<std::string>& nodes) {
  std::string list;
  for (const auto& node : nodes) list += (list.empty() ? "'" : ", '") + node + "'";
  return list;
}

namespace {

/// `edge`: EdgeStats or EdgeOptions.
std::string rate_text(const auto& edge) {
  std::string text;
  if (edge.every > 1) text += ", one in " + std::to_string(edge.every);
  if (edge.max_rate) text += ", at most " + number_text(*edge.max_rate, std::chars_format::general, 6) + "/s";
  return text;
}

void describe_edge(std::ostream& out, const EdgeStats& edge, bool wired) {
  out << "  " << edge.parent;
  if (!edge.of.empty()) out << ".of('" << edge.of << "')";
  out << " -> " << edge.child << "  " << to_string(edge.queue) << rate_text(edge);
  if (!wired) return;
  if (edge.source_count > 1) out << " x " << edge.source_count << " sources";
  out << "  in " << edge.passed_in << ", delivered " << edge.delivered << ", waiting " << edge.waiting
      << ", dropped " << edge.dropped;
  const char* separator = " (";
  for (const auto& [cause, count] : edge.drops) {
    out << separator << to_string(cause) << " " << count;
    separator = ", ";
  }
  if (!edge.drops.empty()) out << ")";
}

// Details that an edge's line leaves out: its join, and streams that start at nodes.
std::string streams_text(const Graph& graph, const Inbox& inbox, const EdgeSetup& edge) {
  std::string text;
  if (edge.joined) {
    const auto join = join_stats(inbox, Span::Recent);
    text +=
        "  [joined" + (join ? " by " + std::string(freshframe::to_string(join->by)) : std::string()) + "]";
  }
  const bool is_there = graph.has(edge.parent);
  if (is_there && graph.runner(edge.parent).facts().has_own_stream() &&
      (edge.only_source < 0 || edge.only_source == edge.parent)) {
    text += "  [with the node's own stream '" + graph.runner(edge.parent).facts().stream_name + "']";
  }
  return text;
}

}  // namespace

std::string describe(const PipelineParts& core) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  const auto& graph = guarded.graph;
  std::ostringstream out;
  out << "pipeline '" << core.options().name << "': " << graph.runners().size() << " nodes, "
      << graph.readers().all().size() << " readers\n";
  if (!core.life().has_started()) {
    const auto wires = [&](const std::string& child, const Wires& list) {
      for (const auto& wire : list) {
        out << "  " << core.names()->find_name(wire.parent);
        if (wire.source >= 0) out << ".of('" << core.names()->find_name(wire.source) << "')";
        out << " -> " << child << "  "
            << (wire.options.queue ? freshframe::to_string(*wire.options.queue) : "queue chosen at start()")
            << rate_text(wire.options) << "\n";
      }
    };
    for (const auto& runner : graph.runners()) wires(runner->name(), graph.list_wires(runner->index()));
    for (const auto& entry : graph.readers().all()) wires(entry.reader->name(), entry.wires);
    return out.str();
  }
  const auto lossy = lossy_edges(graph);
  for (const auto* inbox : inboxes(graph)) {
    const auto edges = inbox->stats();
    const auto options = list_edges(*inbox);
    for (std::size_t i = 0; i < std::min(edges.size(), options.size()); ++i) {
      describe_edge(out, edges[i], true);
      out << streams_text(graph, *inbox, options[i]);
      for (const auto& edge : lossy) {
        if (edge.index == i && &std::as_const(graph.runner(edge.child)).inbox() == inbox) {
          out << "  [may drop events that '" << edge.recorder << "' should record]";
        }
      }
      const int parent = options[i].parent;
      if (edges[i].queue.blocks() && graph.has(parent) && graph.is_live(parent)) {
        out << "  [paces '" << edges[i].parent << "' and its other children]";
      }
      if (!edges[i].queue.blocks() && graph.has(parent) && graph.runner(parent).facts().gives_several) {
        out << "  [may drop some of the results that '" << edges[i].parent << "' returns for one sample]";
      }
      out << "\n";
    }
  }
  return out.str();
}

}  // namespace freshframe::core
