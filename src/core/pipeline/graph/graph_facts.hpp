// Questions about a graph, which change nothing.
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
/// The number of the source that a port is limited to; -1 means it is not. Throws as list_sources().
[[nodiscard]] int only_source(const Graph& graph, const AnyPort& port);
/// The sources whose samples come out of a port. Throws GraphError when its only source is not one of them.
[[nodiscard]] Sources list_sources(const Graph& graph, const AnyPort& port);
[[nodiscard]] Sources list_sources(const Graph& graph, std::span<const AnyPort> ports);
/// Returns the sources whose samples come on an edge now; none once its parent or only source was removed.
[[nodiscard]] Sources sources_on(const Graph& graph, const Wire& wire);
/// The ports above a node that were not removed, and are not being removed.
[[nodiscard]] std::vector<AnyPort> list_parents(const Graph& graph, int index);
/// Whether the wire's parent, or only source, was removed or is being removed.
[[nodiscard]] bool is_leaving(const Graph& graph, const Wire& wire);
/// Whether the samples of a node are encoded pictures, which refer to those before them.
[[nodiscard]] bool gives_packets(const Graph& graph, int node);
/// The queue that was asked for, or the queue that suits the parent. Once wired. Throws GraphError.
[[nodiscard]] Queue resolve_queue(const Graph& graph, const Wire& wire, const std::string& consumer,
                                  bool recorder);
/// The reason why a reader with these wires cannot have latest(); empty means it can.
[[nodiscard]] std::string why_lossless(const Graph& graph, const Wires& wires);
/// Returns how many samples of files a consumer has missed because it came late, and what to do, or an empty text if it
/// has missed none. Counts for edges that lose nothing. A sample that is on its way at this moment may count or not.
[[nodiscard]] std::string missed_before(const Graph& graph, const std::string& consumer, const Wires& wires);
/// The names of a node's ports whose pictures can be viewed: its own, or one for each of its sources.
[[nodiscard]] std::vector<std::string> list_views(const Graph& graph, int node);

/// The nodes right below that declare their input types, and these types, in the order of their numbers.
[[nodiscard]] std::vector<Demand> demands_below(const Graph& graph, int index);

// ---- ways through the graph
/// Whether the parents of a node that is about to be connected are all there.
[[nodiscard]] bool has_parents(const Graph& graph, int index);
/// Adds a node, and all above it, to `found`.
void find_ancestors(const Graph& graph, int node, std::set<int>& found);
/// The nodes that a reader's samples come through.
[[nodiscard]] std::set<int> list_ancestors(const Graph& graph, const ReaderCore& reader);
/// Returns the second outputs of a source, see AddOptions::companion_of.
[[nodiscard]] std::vector<int> list_companions(const Graph& graph, int index);
/// Returns a node, its second output, and all nodes that no source reaches without them, in the order of their numbers.
[[nodiscard]] std::vector<int> with_all_below(const Graph& graph, int index);
/// A node or reader that takes the samples of one source and gets the samples of several; empty means no such
/// consumer exists.
[[nodiscard]] std::string takes_one_source(const Graph& graph);

// ---- the whole, once wired
[[nodiscard]] std::vector<const Inbox*> inboxes(const Graph& graph);
/// The frames that its edges and nodes can use at once.
[[nodiscard]] int frame_bound(const Graph& graph);
/// Samples that edges have delivered.
[[nodiscard]] std::uint64_t count_delivered(const Graph& graph);
/// A join below files whose parents wait for each other, and what to do, as text.
[[nodiscard]] std::optional<std::string> starved_join(const Graph& graph);
/// A merge that has never had a parent, while all sources have ended, as text.
[[nodiscard]] std::optional<std::string> forgotten_merge(const Graph& graph);
/// A full edge that blocks its producer, as text.
[[nodiscard]] std::optional<std::string> full_edge(const Graph& graph);
/// Total number of samples, if every source knows its own.
[[nodiscard]] std::optional<std::int64_t> total(const Graph& graph);

}  // namespace freshframe::core
