// Numbers of a pipeline: statistics, the report, the state of its graph, and who is busy or silent.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/pipeline/parts/pipeline_parts.hpp"
#include "core/watch/graph_state.hpp"

namespace freshframe::core {

// Thread-safe, even while another thread builds the graph.

[[nodiscard]] Stats collect_stats(const PipelineParts& core);
/// Does it for a caller that holds the graph. `span`: of the quantiles, which cost most; nullopt leaves them out.
[[nodiscard]] Stats collect_stats(const PipelineParts& core, const GuardedGraph& guarded,
                                  std::optional<Span> span) FRESHFRAME_REQUIRES(guarded.building);
[[nodiscard]] Report make_report(const PipelineParts& core);
/// `times`: with the quantiles of its statistics.
[[nodiscard]] GraphState graph_state(const PipelineParts& core, bool times = true);
[[nodiscard]] std::string describe(const PipelineParts& core);
/// Total number of samples, if every source knows its own.
[[nodiscard]] std::optional<std::int64_t> find_total(const PipelineParts& core);
/// The nodes that have not ended or are being replaced. A removed node is among them while its replacement still closes.
[[nodiscard]] std::vector<std::string> busy_nodes(const PipelineParts& core);
/// Returns the names for a message.
[[nodiscard]] std::string list_busy(const std::vector<std::string>& nodes);

/// A node in Python that has taken samples and never returned a result, although others wait for its results.
struct SilentNode {
  std::string name;
  std::uint64_t taken = 0;

  /// "has taken 60 samples and given none: does its function or process() return a value?"
  [[nodiscard]] std::string text() const;
};
constexpr std::uint64_t kFewSamples = 2;  // after which a message asks about results
/// Returns nullopt for a node that is not silent. Nodes with on_tick() or finish(), nodes that have failed for every
/// sample, and nodes with fewer than `least` samples never are.
[[nodiscard]] std::optional<SilentNode> find_silence(const Runner& runner, std::uint64_t least);
[[nodiscard]] std::vector<SilentNode> silent_nodes(const PipelineParts& core, std::uint64_t least);

}  // namespace freshframe::core
