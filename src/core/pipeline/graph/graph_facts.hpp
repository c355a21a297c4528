// Read-only queries about a graph.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/pipeline/graph/graph.hpp"

namespace freshframe::core {

// ---- ports and wires

/// Returns the source that a port is limited to; -1: none. Throws like list_sources().
[[nodiscard]] int only_source(const Graph& graph, const AnyPort& port);
/// Returns the sources whose samples come out of a port. Throws GraphError if the port is limited to a source
/// that is not among them.
[[nodiscard]] Sources list_sources(const Graph& graph, const AnyPort& port);
[[nodiscard]] Sources list_sources(const Graph& graph, std::span<const AnyPort> ports);
/// Returns the sources that currently reach an edge; none once its parent or only source was removed.
[[nodiscard]] Sources sources_on(const Graph& graph, const Wire& wire);
/// Returns the ports upstream of a node, except those removed or being removed.
[[nodiscard]] std::vector<AnyPort> list_parents(const Graph& graph, int index);
/// Returns true if the wire's parent or only source was removed or is being removed.
[[nodiscard]] bool is_leaving(const Graph& graph, const Wire& wire);
/// Returns true if the node sends encoded frames, which depend on earlier ones.
[[nodiscard]] bool gives_packets(const Graph& graph, int node);
/// Returns the requested queue, or the parent's default. Valid after wire(). Throws GraphError.
[[nodiscard]] Queue resolve_queue(const Graph& graph, const Wire& wire, const std::string& consumer,
                                  bool recorder);
/// Returns the reason why a reader with these wires cannot have latest(), or an empty string if it can.
[[nodiscard]] std::string why_lossless(const Graph& graph, const Wires& wires);
/// Returns a sentence about the samples from files that a consumer missed because it was added late, and what
/// to do about it, or an empty string. Only counts edges that lose nothing. A sample that is in flight may or
/// may not be counted.
[[nodiscard]] std::string missed_before(const Graph& graph, const std::string& consumer, const Wires& wires);
/// Returns the names of a node's ports whose images can be viewed: its own, or one per source.
[[nodiscard]] std::vector<std::string> list_views(const Graph& graph, int node);

/// Returns the direct children that declare their input types, with these types, ordered by number.
[[nodiscard]] std::vector<Demand> demands_below(const Graph& graph, int index);

// ---- paths through the graph

/// Returns true if all parents of a node that is about to be connected still exist.
[[nodiscard]] bool has_parents(const Graph& graph, int index);
/// Adds a node, and all nodes upstream of it, to `found`.
void find_ancestors(const Graph& graph, int node, std::set<int>& found);
/// Returns the nodes upstream of a reader.
[[nodiscard]] std::set<int> list_ancestors(const Graph& graph, const ReaderCore& reader);
/// Returns the companions of a source, see AddOptions::companion_of.
[[nodiscard]] std::vector<int> list_companions(const Graph& graph, int index);
/// Returns a node, its companion, and all nodes that no other source reaches, ordered by number.
[[nodiscard]] std::vector<int> with_all_below(const Graph& graph, int index);
/// Returns the name of a consumer that needs samples of one source but gets those of several, or an empty
/// string.
[[nodiscard]] std::string takes_one_source(const Graph& graph);

// ---- the whole graph; valid after wire()
[[nodiscard]] std::vector<const Inbox*> inboxes(const Graph& graph);
/// Maximum number of frames that the graph's edges and nodes can hold at the same time.
[[nodiscard]] int frame_bound(const Graph& graph);
/// Number of samples that edges have delivered.
[[nodiscard]] std::uint64_t count_delivered(const Graph& graph);
/// Describes a join of files whose parents are waiting for each other, with advice, or returns nullopt.
[[nodiscard]] std::optional<std::string> starved_join(const Graph& graph);
/// Describes a merge that never had a parent although all sources have ended.
[[nodiscard]] std::optional<std::string> forgotten_merge(const Graph& graph);
/// Describes a full edge that blocks its producer, or returns nullopt.
[[nodiscard]] std::optional<std::string> full_edge(const Graph& graph);
/// Total number of samples; nullopt unless every source knows its own.
[[nodiscard]] std::optional<std::int64_t> total(const Graph& graph);

}  // namespace freshframe::core
