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
#include <string>
#include <vector>

#include "core/drain_time.hpp"
#include "core/pipeline/parts/pipeline_parts.hpp"

namespace freshframe::core {

/// Thread-safe as Pipeline says.
class PipelineCore final : public PipelineParts {
 public:
  explicit PipelineCore(Pipeline::Options options);
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

  // ---- for readers, see ReaderHost
  void check_stalled_for(const ReaderCore& waiting) override;
  [[nodiscard]] std::string describe_trouble_upstream(const ReaderCore& reader) const override;
  void sweep_readers() override;

  /// The object of a layer above that looks at this pipeline: `make` makes it at the first call. It is freed
  /// before all that it looks at. Any thread.
  std::shared_ptr<void> get_attachment(std::shared_ptr<void> (*make)(const PipelineCore& core));

 private:
  std::function<void()> failure_hook_;
  std::once_flag attached_;
  std::shared_ptr<void> attachment_;  // the last: it reads all others
};

}  // namespace freshframe::core
