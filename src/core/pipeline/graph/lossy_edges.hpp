// Edges that may drop events on the way to a recorder.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/pipeline/graph/graph.hpp"

namespace freshframe::core {

/// An edge between a node that produces events and a recorder, whose queue drops samples. The engine keeps
/// the events of native types (see KeptEvents), but cannot find those in Python objects.
struct LossyEdge {
  int child = -1;             // number of the edge's consumer
  std::size_t index = 0;      // position among the consumer's edges
  std::string recorder = {};  // name of the recorder downstream
};

/// Lists the lossy edges of a wired graph. Edges directly into a recorder are only included if they were
/// given a queue of one sample; for other queues the recorder reports its losses when it ends.
[[nodiscard]] std::vector<LossyEdge> lossy_edges(const Graph& graph);

}  // namespace freshframe::core
