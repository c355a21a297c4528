// The graph of a pipeline with its mutex, and records of the nodes and edges that were removed.
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

/// Lock `building` to change the graph, or to read more of it than one runner. While it is held, never wait
/// for anything: open(), close(), a thread, or the GIL.
class GuardedGraph {
 public:
  explicit GuardedGraph(std::shared_ptr<FrameBudget> budget) : budget_(std::move(budget)) {}

  /// Removed nodes and edges, for reports and statistics.
  struct Left {
    RemovedStats sums;
    // True if no removed node failed, and all removed files were read to their ends.
    bool whole = true;
    std::vector<std::string> failures;  // reasons of nodes removed because they failed
  };

  /// Returns null if the node was removed or never existed.
  [[nodiscard]] std::shared_ptr<Runner> runner(int index) const;
  /// Returns the runners, ordered by number.
  [[nodiscard]] std::vector<std::shared_ptr<Runner>> runners() const;

  // ---- call with `building` held

  /// Forgets drained edges of removed nodes, and readers that the program has closed.
  void sweep() FRESHFRAME_REQUIRES(building);
  /// Recomputes how many frames the engine may hold.
  void update_bound() FRESHFRAME_REQUIRES(building);
  /// Adds the counters of removed edges.
  void count(const std::vector<EdgeStats>& edges) FRESHFRAME_REQUIRES(building);
  /// Adds a removed node with its final statistics.
  void count(const Runner& runner, const NodeStats& books) FRESHFRAME_REQUIRES(building);
  void keep_failure(std::string text);

  mutable Mutex building{LockRank::Graph};
  Graph graph FRESHFRAME_GUARDED_BY(building);
  Left left FRESHFRAME_GUARDED_BY(building);

 private:
  const std::shared_ptr<FrameBudget> budget_;
};

}  // namespace freshframe::core
