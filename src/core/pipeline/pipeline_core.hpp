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

/// As thread-safe as Pipeline.
class PipelineCore final : public PipelineParts {
 public:
  explicit PipelineCore(Pipeline::Options options);
  ~PipelineCore() override;

  // ---- life

  /// Calls launch(), starts the embedder's threads, then calls wait_opened() and go(). See Pipeline::start().
  void start(const Embedder& embedder);
  /// Connects the graph and starts the native threads.
  void launch();
  /// Waits until every node has opened. Returns false on timeout. If a node fails, asks the others to stop
  /// and throws the failure; then call join().
  bool wait_opened(std::optional<Seconds> timeout);
  /// Lets the sources start reading.
  void go();
  /// Returns whether the pipeline has ended. Throws the failure, or StalledError.
  bool wait(std::optional<Seconds> timeout, const WaitHook& hook = {});
  /// Asks all nodes to stop, without waiting. For most of `timeout` they may still receive remaining events.
  void request_stop(Seconds timeout = kStopTime);
  /// Calls request_stop(), then join(). Throws StopTimeoutError. On a node's own thread, only requests the
  /// stop and returns false.
  bool stop(Seconds timeout, const WaitHook& hook = {});
  /// If every source has ended by itself, lets the nodes process the samples in flight; readers get nothing
  /// more. Returns true if the pipeline has ended. Returns false immediately if a source is still running, or
  /// once nothing has moved for `patience`; then call stop().
  bool finish(Seconds patience, const WaitHook& hook = {});
  /// Waits for the threads and joins them. Returns the nodes that are still busy after `timeout`, else
  /// nothing. Waits slightly longer if the last node has just ended.
  std::vector<std::string> join(Seconds timeout);
  /// Sets a hook that is called once, when the pipeline has failed, on the failed node's thread. It must not
  /// block or call back. Set it before launch().
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

  /// Returns an object of a higher layer that observes this pipeline, created by `make` on the first call. It
  /// is destroyed before everything that it observes. Thread-safe.
  std::shared_ptr<void> get_attachment(std::shared_ptr<void> (*make)(const PipelineCore& core));

 private:
  std::function<void()> failure_hook_;
  std::once_flag attached_;
  // Declared last, so that it is destroyed before the members that it reads.
  std::shared_ptr<void> attachment_;
};

}  // namespace freshframe::core
