// The nodes of a pipeline and its phase, for tools that observe it.
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
  bool outside = false;  // whether the embedder runs the node: a Python node
  bool sends_frames = false;
  std::vector<std::string> views;  // names of the node's single-source ports
  bool live = false;               // whether it is a live source or downstream of one
  int batch = 0;                   // maximum batch size; 0 without a batch
  std::string packets_of;          // the source whose companion this node is, or empty
};

/// Taken atomically, so `nodes` and `stats.nodes` are the same nodes in the same order.
struct GraphState {
  LifePhase phase = LifePhase::Created;
  Stats stats;
  std::vector<GraphNode> nodes;
  std::vector<std::string> readers;
};

}  // namespace freshframe::core
