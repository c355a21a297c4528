// Statistics of a pipeline, the report, its graph, and which nodes are busy.
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
/// Like the overload above, for a caller that holds the graph's lock. Without `span`, omits the quantiles,
/// which are the expensive part.
[[nodiscard]] Stats collect_stats(const PipelineParts& core, const GuardedGraph& guarded,
                                  std::optional<Span> span) FRESHFRAME_REQUIRES(guarded.building);
[[nodiscard]] Report make_report(const PipelineParts& core);
/// `times`: include quantiles.
[[nodiscard]] GraphState graph_state(const PipelineParts& core, bool times = true);
[[nodiscard]] std::string describe(const PipelineParts& core);
/// Total number of samples, if every source knows its own.
[[nodiscard]] std::optional<std::int64_t> find_total(const PipelineParts& core);
/// Returns the nodes that have not ended or are being replaced, including removed ones whose replacement is
/// still closing.
[[nodiscard]] std::vector<std::string> busy_nodes(const PipelineParts& core);
/// Joins the names for a message.
[[nodiscard]] std::string list_busy(const std::vector<std::string>& nodes);

}  // namespace freshframe::core
