// Words for what was seen. SPDX-License-Identifier: Apache-2.0
#include "serve/observation.hpp"

#include <array>
#include <cstdio>

namespace freshframe::serve {

std::string_view to_string(LifePhase phase) noexcept {
  switch (phase) {
    case LifePhase::Created:
      return "created";
    case LifePhase::Starting:
      return "starting";
    case LifePhase::Running:
      return "running";
    case LifePhase::Ended:
      return "ended";
    case LifePhase::Stopped:
      return "stopped";
    case LifePhase::Failed:
      return "failed";
  }
  return "?";
}

std::string_view to_string(NodeKind kind) noexcept {
  switch (kind) {
    case NodeKind::Source:
      return "source";
    case NodeKind::Node:
      return "node";
    case NodeKind::Sink:
      return "sink";
  }
  return "?";
}

std::string_view state_name(NodeState state) noexcept {
  return state == NodeState::WaitingLock ? "waiting_gil" : freshframe::to_string(state);
}

std::string edge_name(const EdgeStats& edge) {
  return edge.parent + "->" + edge.child;
}

Health health_of(const Observation& seen) {
  switch (seen.overview.phase) {
    case LifePhase::Failed:
      return {false, "failed: " + (seen.error ? seen.error->node + ": " + seen.error->text : "unknown")};
    case LifePhase::Running:
      break;
    default:
      return {false, "no frames flow: the pipeline is " + std::string(to_string(seen.overview.phase))};
  }
  if (seen.still < seen.still_limit) return {true, "ok"};
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), "stalled: no sample has moved for %.1f s", seen.still);
  Health health{false, text.data()};
  for (const auto& node : seen.overview.stats.nodes) {
    if (!node.source || node.source->state == SourceState::Reading) continue;
    health.reason +=
        "; source '" + node.name + "' is " + std::string(freshframe::to_string(node.source->state));
    if (!node.source->last_error.empty()) health.reason += " (" + node.source->last_error + ")";
  }
  return health;
}

}  // namespace freshframe::serve
