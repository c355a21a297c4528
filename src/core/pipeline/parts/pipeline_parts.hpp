// The parts of a pipeline, for the functions that change it or look at it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <atomic>
#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/failure.hpp"
#include "core/frame/frame_budget.hpp"
#include "core/pipeline/graph/guarded_graph.hpp"
#include "core/pipeline/graph/reader_host.hpp"
#include "core/pipeline/parts/life.hpp"
#include "core/pipeline/runner/name_table.hpp"
#include "core/pipeline/runner/runner_host.hpp"
#include "core/watch/error_log.hpp"

namespace freshframe::core {

/// Two of the parts have a mutex: the graph (rank Graph) and the life (rank Leaf, see LockRank). Functions
/// that use both are in changes/ or views/. Neither mutex is held while a node or a callback runs.
/// Thread-safe.
///
/// Note [Changes while it runs]
///
/// The graph is changed and read under GuardedGraph::building, which is never held during a wait: for open(),
/// close(), a thread, or the GIL. So add_node() registers a node, unlocks, waits until it has opened, and
/// connects it in a second step; remove_node() removes edges, asks the nodes to finish, unlocks and waits. A
/// node is removed from the graph by its own thread, as its last step. Callers keep nodes alive themselves: a
/// reference from runner() may be the last one.
class PipelineParts : public RunnerHost,
                      public ReaderHost,
                      public std::enable_shared_from_this<PipelineParts> {
 public:
  PipelineParts(const PipelineParts&) = delete;
  PipelineParts& operator=(const PipelineParts&) = delete;
  ~PipelineParts() override;

  [[nodiscard]] const std::shared_ptr<const Clock>& clock() const noexcept { return options_.clock; }
  [[nodiscard]] const std::shared_ptr<FrameBudget>& budget() const noexcept { return budget_; }
  [[nodiscard]] std::stop_token stop_token() const noexcept { return life_.stop_token(); }
  [[nodiscard]] GuardedGraph& guard_graph() noexcept { return guarded_; }
  [[nodiscard]] const GuardedGraph& guard_graph() const noexcept { return guarded_; }
  [[nodiscard]] Life& life() noexcept { return life_; }
  [[nodiscard]] const Life& life() const noexcept { return life_; }
  [[nodiscard]] const Pipeline::Options& options() const noexcept { return options_; }
  [[nodiscard]] Failure& failure() const noexcept { return *life_.failure(); }
  /// Names of all nodes, including removed ones.
  [[nodiscard]] const std::shared_ptr<NameTable>& names() const noexcept { return names_; }
  [[nodiscard]] ErrorLog& errors() noexcept { return errors_; }
  [[nodiscard]] const ErrorLog& errors() const noexcept { return errors_; }
  /// Returns null if the node was removed or never existed.
  [[nodiscard]] std::shared_ptr<Runner> runner(int index) const { return guarded_.runner(index); }
  /// Returns the runners, ordered by number.
  [[nodiscard]] std::vector<std::shared_ptr<Runner>> runners() const { return guarded_.runners(); }
  [[nodiscard]] bool called_from_runner() const;
  /// How many servers let browsers feed sources; see serve_feeds().
  [[nodiscard]] std::atomic<int>& feed_servers() noexcept { return feed_servers_; }
  [[nodiscard]] bool serves_feeds() const noexcept { return feed_servers_.load() > 0; }

 protected:
  explicit PipelineParts(Pipeline::Options options);
  const Pipeline::Options options_;
  const std::shared_ptr<FrameBudget> budget_ = std::make_shared<FrameBudget>();
  const std::shared_ptr<NameTable> names_ = std::make_shared<NameTable>();
  std::atomic<int> feed_servers_{0};
  std::stop_source source_stop_;
  ErrorLog errors_;
  GuardedGraph guarded_{budget_};
  Life life_{options_.clock, options_.keep_running};
  const RunnerShared shared_{.clock = options_.clock,
                             .budget = budget_,
                             .names = names_,
                             .failure = life_.failure(),
                             .errors = errors_,
                             .stop = life_.stop_token(),
                             .source_stop = source_stop_.get_token()};
};

/// Returns the error that the program gets for `cause`.
[[nodiscard]] std::exception_ptr make_error(const PipelineParts& parts, const Runner& runner,
                                            std::exception_ptr cause, const std::string& what,
                                            const FailedOn& where);

}  // namespace freshframe::core
