// Validates joins, and chooses the options that were left open.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>

#include "core/pipeline/graph/admission.hpp"
#include "core/pipeline/graph/graph_facts.hpp"

namespace freshframe::core {
namespace {

std::string quoted(const std::string& name) {
  return "'" + name + "'";
}

void check_join_queue(const std::string& name, const std::optional<Queue>& queue) {
  if (!queue) return;
  if (!queue->blocks() && queue->depth < 2) {
    throw GraphError(quoted(name) +
                     " has a join, whose queues keep samples until their partners arrive, so queue=" +
                     to_string(*queue) + " is too short: leave out queue=, or use Queue(8) or more");
  }
  if (queue->max_seconds || queue->max_bytes) {
    throw GraphError(
        quoted(name) + " has a join and queue=" + to_string(*queue) +
        ", but the queues of a join are limited by max_wait= of Join: leave max_seconds and max_bytes out");
  }
}

// Returns the maximum number of nodes that give several results per sample on any path from a source to a
// node's outputs. `known` caches results, because graphs that branch and merge repeatedly have exponentially
// many paths.
int generators_above(const Graph& graph, int node, int source, std::map<int, int>& known) {
  if (node == source) return 0;
  if (const auto found = known.find(node); found != known.end()) return found->second;
  int above = 0;
  for (const auto& wire : graph.list_wires(node)) {
    if (!graph.has(wire.parent) || (wire.source >= 0 && wire.source != source)) continue;
    if (!std::ranges::binary_search(graph.list_node_sources(wire.parent), source)) continue;
    above = std::max(above, generators_above(graph, wire.parent, source, known));
  }
  above += graph.runner(node).facts().gives_several ? 1 : 0;
  known.emplace(node, above);
  return above;
}

// Throws GraphError if only some of the results of one image could be matched.
void check_parts(const Graph& graph, const std::string& name, std::span<const AnyPort> parents) {
  const auto above = [&](const AnyPort& port) {
    std::map<int, int> known;
    const auto sources = list_sources(graph, port);
    return sources.empty() ? 0 : generators_above(graph, port.node, sources.front(), known);
  };
  const auto compare = [&](const AnyPort& one, const AnyPort& other) { return above(one) < above(other); };
  const auto [fewest, most] = std::ranges::minmax_element(parents, compare);
  if (above(*fewest) == above(*most)) return;
  throw GraphError(
      quoted(name) + " joins " + quoted(graph.runner(fewest->node).name()) + " with " +
      quoted(graph.runner(most->node).name()) +
      ", which returns several results per frame, and only the first could be matched: use sample.frame "
      "instead of the join, or return one result instead of yielding several");
}

bool comes_from_live(const Graph& graph, int node) {
  if (const auto source = graph.runner(node).place().source(); source != nullptr) return source->live();
  return std::ranges::any_of(graph.list_wires(node),
                             [&](const Wire& wire) { return comes_from_live(graph, wire.parent); });
}

// Throws if within= or max_wait= is missing or not allowed. If both are missing, one message names both.
void check_times(const std::string& name, const Join& join, JoinBy by, bool live) {
  if (by == JoinBy::Seq && join.within) {
    throw GraphError(quoted(name) +
                     " joins results of one source, which it matches by their seq: leave "
                     "within out, or choose another time with by=");
  }
  const bool needs_wait = live && !join.max_wait;
  const std::string wait = "max_wait=, the seconds that a sample waits for the others of its set";
  if (by != JoinBy::Seq && !join.within) {
    throw GraphError(quoted(name) + " joins by " + std::string(to_string(by)) +
                     " and needs within=, the seconds by which the times of a set may differ" +
                     (needs_wait ? ", and " + wait : ""));
  }
  if (needs_wait) throw GraphError(quoted(name) + " joins samples of live sources and needs " + wait);
}

}  // namespace

void Admission::check_set_node(const NodeBase& node, const std::string& name,
                               std::span<const AnyPort> parents, const AddOptions& options) const {
  const auto contract = node.contract();
  const auto& inputs = contract.sets;
  if (!options.join) {
    if (inputs.empty()) return;
    throw GraphError(quoted(name) + " takes the sets of a join: pass join= to add()");
  }
  if (node.is_source()) {
    throw GraphError(quoted(name) +
                     " is a source and cannot have a join: add the node downstream of it with one");
  }
  if (options.batch) {
    throw GraphError(quoted(name) + " cannot have both a batch and a join: leave one out");
  }
  if (!contract.takes_sets) {
    throw GraphError(
        quoted(name) +
        " takes one sample at a time, but a join passes one from each parent. Join in a function "
        "of several arguments or a JoinNode, and add the node downstream of it");
  }
  if (inputs.empty()) return;
  if (inputs.size() != parents.size()) {
    throw GraphError(quoted(name) + " needs " + std::to_string(inputs.size()) + " parents, got " +
                     std::to_string(parents.size()));
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& parent = graph_.runner(parents[i].node);
    const auto* output = parent.node()->output_type();
    if (inputs[i].type != nullptr && output != nullptr && inputs[i].type != output) {
      throw GraphError(quoted(name) + " takes " + std::string(inputs[i].type->name) + " as input " +
                       std::to_string(i + 1) + ", but its parent " + quoted(parent.name()) + " returns " +
                       std::string(output->name));
    }
    if (options.join->partial && i > 0 && !inputs[i].may_miss) {
      throw GraphError(quoted(name) + " has a join with partial, so the sample of " + quoted(parent.name()) +
                       " may be missing from a set: its input must be a std::optional");
    }
  }
}

JoinRules Admission::resolve_join(const std::string& name, std::span<const AnyPort> parents, const Join& join,
                                  const std::optional<Queue>& queue) const {
  validate(join);
  check_join_queue(name, queue);
  if (parents.size() < 2 || parents.size() > kMostJoined) {
    throw GraphError(quoted(name) + " has a join, which takes 2 to " + std::to_string(kMostJoined) +
                     " parents, got " + std::to_string(parents.size()));
  }
  bool live = false;
  for (const auto& parent : parents) {
    const auto& port = graph_.runner(parent.node).name();
    if (const auto count = list_sources(graph_, parent).size(); count != 1) {
      throw GraphError("each parent of the join " + quoted(name) +
                       " must return samples of one source, but " + quoted(port) + " returns samples of " +
                       std::to_string(count) + " sources: choose one with port.of(camera)");
    }
    live = live || comes_from_live(graph_, parent.node);
  }
  check_parts(graph_, name, parents);
  const bool one_source = list_sources(graph_, parents).size() == 1;
  const auto by = join.by.value_or(one_source ? JoinBy::Seq : live ? JoinBy::Captured : JoinBy::Pts);
  check_times(name, join, by, live);
  return {by, join.within.value_or(0), join.max_wait, join.partial, one_source};
}

}  // namespace freshframe::core
