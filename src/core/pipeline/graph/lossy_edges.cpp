// Finds nodes whose results may have events, and the recorders downstream of them.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/graph/lossy_edges.hpp"

#include <algorithm>
#include <utility>

namespace freshframe::core {
namespace {

/// For each node, true if its results may have events: those of counters, of generators (several results),
/// and of user nodes downstream of these. A parent may have a greater number than its child, through
/// connect().
std::vector<bool> nodes_with_events(const Graph& graph) {
  std::vector<bool> has(static_cast<std::size_t>(graph.size()), false);
  for (bool more = true; more;) {
    more = false;
    for (const auto& runner : graph.runners()) {
      const auto index = static_cast<std::size_t>(runner->index());
      const auto* const type = runner->node()->output_type();
      const bool takes = std::ranges::any_of(graph.list_wires(runner->index()), [&](const auto& wire) {
        return has[static_cast<std::size_t>(wire.parent)];
      });
      if (has[index] ||
          !((type != nullptr && type->events) || runner->facts().gives_several || (takes && type == nullptr)))
        continue;
      has[index] = more = true;
    }
  }
  return has;
}

/// For each node, the name of a recorder that is downstream of it or is the node itself; empty if there is
/// none.
std::vector<std::string> recorders_below(const Graph& graph) {
  std::vector<std::string> below(static_cast<std::size_t>(graph.size()));
  for (bool more = true; more;) {
    more = false;
    for (const auto& runner : graph.runners()) {
      auto& name = below[static_cast<std::size_t>(runner->index())];
      if (name.empty() && runner->facts().is_recorder) name = runner->name();
      if (name.empty()) continue;
      for (const auto& wire : graph.list_wires(runner->index())) {
        auto& above = below[static_cast<std::size_t>(wire.parent)];
        if (!above.empty()) continue;
        above = name;
        more = true;
      }
    }
  }
  return below;
}

bool drops(const EdgeSetup& edge, bool to_recorder) {
  if (edge.max_age || edge.max_rate || edge.every > 1) return true;
  return !edge.queue.blocks() && (!to_recorder || edge.queue.depth <= 1);
}

}  // namespace

std::vector<LossyEdge> lossy_edges(const Graph& graph) {
  const auto with_events = nodes_with_events(graph);
  const auto recorders = recorders_below(graph);
  std::vector<LossyEdge> found;
  for (const auto& runner : graph.runners()) {
    const int child = runner->index();
    const auto& recorder = recorders[static_cast<std::size_t>(child)];
    if (recorder.empty()) continue;
    const auto edges = list_edges(std::as_const(*runner).inbox());
    for (std::size_t i = 0; i < edges.size(); ++i) {
      const bool carries = !edges[i].events && with_events[static_cast<std::size_t>(edges[i].parent)];
      if (carries && drops(edges[i], runner->facts().is_recorder)) found.push_back({child, i, recorder});
    }
  }
  return found;
}

}  // namespace freshframe::core
