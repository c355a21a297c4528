// A pipeline as others see it: statistics, the state of its graph, taps, and why nothing moves.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "core/watch/graph_state.hpp"
#include "core/watch/picture_tap.hpp"

namespace freshframe::core {

// All: any thread, even while another one builds the graph.

[[nodiscard]] Stats collect_stats(const PipelineCore& core);
/// Does it for a caller that holds the graph. `span`: of the quantiles, which cost most; none means without
/// them.
[[nodiscard]] Stats collect_stats(const PipelineCore& core, const GuardedGraph& guarded,
                                  std::optional<Span> span) FRESHFRAME_REQUIRES(guarded.building);
[[nodiscard]] Report make_report(const PipelineCore& core);
/// `times`: with the quantiles of its statistics.
[[nodiscard]] GraphState graph_state(const PipelineCore& core, bool times = true);
[[nodiscard]] std::string describe(const PipelineCore& core);
/// Total number of samples, if every source knows its own.
[[nodiscard]] std::optional<std::int64_t> find_total(const PipelineCore& core);
/// The nodes that have not ended or are being replaced. A removed node is among them while its replacement still closes.
[[nodiscard]] std::vector<std::string> busy_nodes(const PipelineCore& core);
/// Returns the names for a message.
[[nodiscard]] std::string list_busy(const std::vector<std::string>& nodes);

/// The node that works at the place of this name now. Returns null if there is no such place.
[[nodiscard]] std::shared_ptr<NodeBase> node_named(const PipelineCore& core, std::string_view name);
/// The numbers of the sources whose samples come to this node now. Empty if there is no such node.
[[nodiscard]] std::vector<int> sources_above(const PipelineCore& core, std::string_view node);

/// The number of the source that a port is limited to; -1 means it is not. Throws GraphError.
[[nodiscard]] int only_source(const PipelineCore& core, const AnyPort& port);
/// The ports above a node that were not removed.
[[nodiscard]] std::vector<AnyPort> list_parents(const PipelineCore& core, int node);
/// The name of a port for open_tap().
[[nodiscard]] std::string view_name(const PipelineCore& core, const AnyPort& port);
/// The source whose pictures a port shows, or whose results it sends.
struct PortSource {
  std::string name;
  std::shared_ptr<NodeBase> node;
  /// The port is the source's own, or sends results: no frames that a node has made.
  bool is_its_pictures = false;
  std::weak_ptr<Runner> runner;
};
/// Asks whether a node or a reader takes the node's samples. Also from a thread that the node waits for.
[[nodiscard]] std::function<bool()> is_taken(std::weak_ptr<Runner> runner);
/// Returns nullopt for a port that does not exist, and for one of several sources.
[[nodiscard]] std::optional<PortSource> find_port_source(const PipelineCore& core, const std::string& port);
/// A tap of the port with this name (GraphNode::views), for one client at a time; the bound grows by one
/// frame. Throws OptionError for another name, GraphError for a sink and for a node of several sources,
/// StateError when it is taken.
std::shared_ptr<PictureTap> open_tap(PipelineCore& core, const std::string& port, PictureTap::Hook hook);
/// A name and the tap that open_tap() has given for it, or null.
using NamedTap = std::pair<std::string, std::shared_ptr<PictureTap>>;
/// Whether the port with its name still has the tap. Other means that another port has the name now.
enum class TapChange : std::uint8_t { Same, Other, NoPort };
[[nodiscard]] std::vector<TapChange> find_places(const PipelineCore& core, const std::vector<NamedTap>& taps);
void close_tap(PipelineCore& core, const std::shared_ptr<PictureTap>& tap);

/// Logs the edges that may drop events above a recorder.
void report_lossy_edges(const PipelineCore& core);
/// The number of samples that the nodes and readers have taken so far.
[[nodiscard]] std::uint64_t delivered_by(const PipelineCore& core);
/// Throws StalledError when nothing has moved for stall_timeout because of a full blocking edge. After a failure
/// throws that, since the remaining samples cannot be delivered.
void check_stalled(PipelineCore& core);
/// Checks like check_stalled() for a waiting reader: another reader whose thread is merely slow is a
/// warning.
void check_stalled_for(PipelineCore& core, const ReaderCore& waiting);
/// A node in Python that has taken samples and never given a result, although others wait for its results.
struct SilentNode {
  std::string name;
  std::uint64_t taken = 0;

  /// "has taken 60 samples and given none: does its function or process() return a value?"
  [[nodiscard]] std::string text() const;
};
/// Leaves out nodes with on_tick() or finish(), nodes that have failed for every sample, and nodes with fewer than
/// `least` samples.
[[nodiscard]] std::vector<SilentNode> silent_nodes(const PipelineCore& core, std::uint64_t least);
/// The states of those sources of a reader that deliver nothing, and the silent nodes above it, as the end of a message.
/// Returns an empty text without either.
[[nodiscard]] std::string trouble_above(const PipelineCore& core, const ReaderCore& reader);

}  // namespace freshframe::core
