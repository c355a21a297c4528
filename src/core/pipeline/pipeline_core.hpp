// The engine of one pipeline: a graph, and its life from add() to the last join.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/pipeline.hpp"

#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/drain_time.hpp"
#include "core/failure.hpp"
#include "core/frame/frame_budget.hpp"
#include "core/pipeline/guarded_graph.hpp"
#include "core/pipeline/life.hpp"
#include "core/pipeline/name_table.hpp"
#include "core/pipeline/runner/runner_host.hpp"
#include "core/watch/error_log.hpp"

namespace freshframe::core {

/// Thread-safe as Pipeline says. It has two parts with a lock each: the graph, whose lock has the rank Graph, and the
/// life, whose lock is a Leaf (LockRank). Whatever changes both, or looks at both, is a function of
/// changes/changes.hpp or onlookers.hpp. Neither lock is held while a node or a callback is entered.
///
/// Note [Changes while it runs]
/// The graph is changed and read with GuardedGraph::building, which is never held while anything is waited for: an
/// open(), a close(), a thread, the GIL. So add_node() registers a node, lets go, waits until it has opened, and
/// connects it in a second step; and remove_node() takes edges away, asks the nodes to end, lets go and waits. A node
/// is forgotten by its own thread, as its last step. Nodes are kept by their users: a reference from runner()
/// may be the last one.
class PipelineCore final : public RunnerHost, public std::enable_shared_from_this<PipelineCore> {
 public:
  explicit PipelineCore(Pipeline::Options options);
  PipelineCore(const PipelineCore&) = delete;
  PipelineCore& operator=(const PipelineCore&) = delete;
  ~PipelineCore() override;

  // ---- life
  /// As Pipeline::start(): launch(), the embedder's threads, wait_opened(), go().
  void start(const Embedder& embedder);
  /// Wires the graph and starts the native threads.
  void launch();
  /// Waits until every node has opened; false means not within `timeout`. Throws the failure, after asking
  /// the rest to stop: call join() then.
  bool wait_opened(std::optional<Seconds> timeout);
  /// Lets the sources begin to read.
  void go();
  /// Returns true if the pipeline has ended. Throws the failure, or StalledError.
  bool wait(std::optional<Seconds> timeout, const WaitHook& hook = {});
  /// Asks all nodes to stop; never waits. In that time they may get the events that are left.
  void request_stop(Seconds timeout = kStopTime);
  /// request_stop(), then join(). False means from a node's own thread, which only asks. Throws
  /// StopTimeoutError.
  bool stop(Seconds timeout, const WaitHook& hook = {});
  /// Lets the nodes take the samples that are on their way, if every source has ended by itself. The readers get nothing
  /// any longer. Returns true if the pipeline has ended, and false at once if a source still works, or as soon as nothing
  /// has moved for `patience`: call stop() then.
  bool finish(Seconds patience, const WaitHook& hook = {});
  /// Waits for the threads and joins them. Returns the nodes that are still busy after that time, else nothing. Waits a
  /// moment longer if the last node has just ended.
  std::vector<std::string> join(Seconds timeout);
  [[nodiscard]] bool called_from_runner() const;
  /// Called once when the pipeline has failed, on the thread of the node; it must not block or call back. Before
  /// launch().
  void set_failure_hook(std::function<void()> hook) { failure_hook_ = std::move(hook); }

  // ---- for runners, see RunnerHost
  [[nodiscard]] const RunnerShared& get_shared() const noexcept override { return shared_; }
  [[nodiscard]] double uptime() const override { return life_.uptime(); }
  void arrive_opened(Runner& runner) override { life_.arrive_opened(runner); }
  std::optional<TimePoint> wait_for_start(Runner& runner) override { return life_.wait_for_start(runner); }
  void arrive_finished(Runner& runner) override;
  bool fail(Runner& runner, std::exception_ptr cause, const std::string& what,
            const FailedOn& where) override;
  void refuse(std::exception_ptr error) override;
  std::shared_ptr<NodeBase> place(Runner& runner, Successor& successor) override;
  std::shared_ptr<NodeBase> refuse_successor(Successor& successor) override;
  void hand_over(Successor& successor) override;
  /// See Graph::keep_end().
  bool keep_end(int node, const GoneSource& gone) override;
  void wait_for_change() override { const Lock building(guarded_.building); }

  // ---- its parts
  [[nodiscard]] const std::shared_ptr<const Clock>& clock() const noexcept { return options_.clock; }
  [[nodiscard]] const std::shared_ptr<FrameBudget>& budget() const noexcept { return budget_; }
  [[nodiscard]] std::stop_token stop_token() const noexcept { return life_.stop_token(); }
  [[nodiscard]] GuardedGraph& guard_graph() noexcept { return guarded_; }
  [[nodiscard]] const GuardedGraph& guard_graph() const noexcept { return guarded_; }
  [[nodiscard]] Life& life() noexcept { return life_; }
  [[nodiscard]] const Life& life() const noexcept { return life_; }
  [[nodiscard]] const Pipeline::Options& options() const noexcept { return options_; }
  [[nodiscard]] Failure& failure() const noexcept { return *life_.failure(); }
  /// The names of all nodes, also of removed nodes.
  [[nodiscard]] const std::shared_ptr<NameTable>& names() const noexcept { return names_; }
  [[nodiscard]] ErrorLog& errors() noexcept { return errors_; }
  [[nodiscard]] const ErrorLog& errors() const noexcept { return errors_; }
  /// Returns null if the node was removed, or there was none.
  [[nodiscard]] std::shared_ptr<Runner> runner(int index) const { return guarded_.runner(index); }
  /// Returns the runners in the graph, in the order of their numbers.
  [[nodiscard]] std::vector<std::shared_ptr<Runner>> runners() const { return guarded_.runners(); }
  /// The object of a layer above that looks at this pipeline: `make` makes it at the first call. It is freed
  /// before all that it looks at. Any thread.
  std::shared_ptr<void> get_attachment(std::shared_ptr<void> (*make)(const PipelineCore& core));

 private:
  const Pipeline::Options options_;
  const std::shared_ptr<FrameBudget> budget_ = std::make_shared<FrameBudget>();
  const std::shared_ptr<NameTable> names_ = std::make_shared<NameTable>();
  std::stop_source source_stop_;
  std::function<void()> failure_hook_;
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
  std::once_flag attached_;
  std::shared_ptr<void> attachment_;  // the last: it reads all others
};

/// The error that the program gets for `cause`.
[[nodiscard]] std::exception_ptr make_error(const PipelineCore& core, const Runner& runner,
                                            std::exception_ptr cause, const std::string& what,
                                            const FailedOn& where);

}  // namespace freshframe::core
