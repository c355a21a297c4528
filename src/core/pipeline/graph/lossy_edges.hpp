// Edges that may drop events on their way to a recorder.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/pipeline/graph/graph.hpp"

namespace freshframe::core {

/// An edge above a recorder whose queue drops samples, and below a node that gives events. The engine keeps the
/// events of native types (see KeptEvents), but it does not know the events in a program's objects.
struct LossyEdge {
  int child = -1;             // the number of its consumer
  std::size_t index = 0;      // among the edges of this consumer
  std::string recorder = {};  // the name of a recorder below it
};

/// Lists the lossy edges of a graph that is wired. The edge directly above a recorder is left out unless it
/// was given a queue for one sample: the recorder's end reports the losses of that queue.
[[nodiscard]] std::vector<LossyEdge> lossy_edges(const Graph& graph);

}  // namespace freshframe::core
