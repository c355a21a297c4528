// Keeps the counters of removed nodes and edges, and releases their share of the frame budget.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/graph/guarded_graph.hpp"

#include <cstddef>
#include <utility>

#include "core/pipeline/graph/graph_facts.hpp"

namespace freshframe::core {

std::shared_ptr<Runner> GuardedGraph::runner(int index) const {
  const Lock lock(building);
  return graph.shared_runner(index);
}

std::vector<std::shared_ptr<Runner>> GuardedGraph::runners() const {
  const Lock lock(building);
  return graph.runners();
}

void GuardedGraph::sweep() {
  count(graph.sweep());
  std::vector<std::shared_ptr<ReaderCore>> closed;
  for (const auto& entry : graph.readers().all()) {
    if (entry.reader->is_closed()) closed.push_back(entry.reader);
  }
  for (const auto& reader : closed) {
    count(graph.forget(*reader));
    budget_->remove_holder(reader->holder());
  }
  update_bound();
}

void GuardedGraph::update_bound() {
  if (graph.is_wired()) budget_->set_bound(frame_bound(graph));
}

void GuardedGraph::count(const std::vector<EdgeStats>& edges) {
  for (const auto& edge : edges) {
    if (edge.parent.empty()) continue;  // the edge was already removed
    ++left.sums.edge_count;
    left.sums.passed_in += edge.passed_in;
    left.sums.delivered += edge.delivered;
    left.sums.dropped += edge.dropped;
    for (const auto& [cause, count] : edge.drops) left.sums.drops[cause] += count;
  }
}

void GuardedGraph::count(const Runner& runner, const NodeStats& books) {
  ++left.sums.node_count;
  left.sums.errors += books.errors;
  const bool cut_short = runner.is_source() && !runner.place().source()->live() && runner.life().cut_short();
  left.whole = left.whole && runner.life().closed_cleanly() && !cut_short;
  (runner.is_source() ? left.sums.samples : left.sums.processed) += books.processed;
  for (const auto& [cause, count] : books.drops) left.sums.node_drops[cause] += count;
}

void GuardedGraph::keep_failure(std::string text) {
  constexpr std::size_t kKept = 100;  // limits memory use in services that run for years
  const Lock lock(building);
  if (left.failures.size() == kKept) left.failures.erase(left.failures.begin());
  left.failures.push_back(std::move(text));
}

}  // namespace freshframe::core
