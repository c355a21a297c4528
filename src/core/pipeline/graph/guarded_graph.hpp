// The graph of a pipeline with its lock, and what is kept of the nodes and edges that have left it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/stats.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/frame/frame_budget.hpp"
#include "core/pipeline/graph/graph.hpp"

namespace freshframe::core {

/// Who changes the graph, or reads more of it than one runner, locks `building`, and waits for nothing meanwhile: no
/// open(), no close(), no thread, no GIL.
class GuardedGraph {
 public:
  explicit GuardedGraph(std::shared_ptr<FrameBudget> budget) : budget_(std::move(budget)) {}

  /// The nodes and edges that have left the graph, for reports and statistics.
  struct Left {
    RemovedStats sums;
    // None had failed, and files had been read to their ends.
    bool whole = true;
    std::vector<std::string> failures;  // reasons of nodes that were removed because of them
  };

  /// Returns null if the node was removed, or there was none.
  [[nodiscard]] std::shared_ptr<Runner> runner(int index) const;
  /// Returns the runners in the graph, in the order of their numbers.
  [[nodiscard]] std::vector<std::shared_ptr<Runner>> runners() const;

  // ---- with `building`
  /// Forgets what nothing needs any more: edges of nodes that have gone, once they are empty, and readers that their
  /// program has closed.
  void sweep() FRESHFRAME_REQUIRES(building);
  /// The number of frames that the engine may hold.
  void update_bound() FRESHFRAME_REQUIRES(building);
  /// Counts edges that went.
  void count(const std::vector<EdgeStats>& edges) FRESHFRAME_REQUIRES(building);
  /// Counts a node that went, with its last statistics.
  void count(const Runner& runner, const NodeStats& books) FRESHFRAME_REQUIRES(building);
  void keep_failure(std::string text);

  mutable Mutex building{LockRank::Graph};
  Graph graph FRESHFRAME_GUARDED_BY(building);
  Left left FRESHFRAME_GUARDED_BY(building);

 private:
  const std::shared_ptr<FrameBudget> budget_;
};

}  // namespace freshframe::core
