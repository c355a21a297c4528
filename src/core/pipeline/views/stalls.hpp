// Why a pipeline makes no progress.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/pipeline/parts/pipeline_parts.hpp"

namespace freshframe::core {

// Thread-safe, even while another thread builds the graph.

/// Logs the edges upstream of a recorder that may drop events.
void report_lossy_edges(const PipelineParts& core);
/// Returns how many samples the nodes and readers have taken so far.
[[nodiscard]] std::uint64_t delivered_by(const PipelineParts& core);
/// Throws StalledError if nothing has moved for stall_timeout because of a full blocking edge. If a node has
/// failed, throws its failure instead, since the remaining samples cannot be delivered.
void check_stalled(PipelineParts& core);
/// See ReaderHost.
void check_stalled_for(PipelineParts& core, const ReaderCore& waiting);
[[nodiscard]] std::string describe_trouble_upstream(const PipelineParts& core, const ReaderCore& reader);

}  // namespace freshframe::core
