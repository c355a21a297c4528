// The nodes of a pipeline and its phase, for observers outside.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace freshframe::core {

enum class LifePhase : std::uint8_t { Created, Starting, Running, Ended, Stopped, Failed };

enum class NodeKind : std::uint8_t { Source, Node, Sink };

struct GraphNode {
  NodeKind kind = NodeKind::Node;
  bool outside = false;  // run by the embedder: a Python node
  bool sends_frames = false;
  std::vector<std::string> views;  // names of its ports, of one source each
  bool live = false;               // it is a live source, or below one
  int batch = 0;                   // most samples of one call; 0 if it takes no batches
  std::string packets_of;          // the source whose second output it is, or empty
};

/// Taken in one step, so that `nodes` and `stats.nodes` are the same nodes in the same order.
struct GraphState {
  LifePhase phase = LifePhase::Created;
  Stats stats;
  std::vector<GraphNode> nodes;
  std::vector<std::string> readers;
};

}  // namespace freshframe::core
