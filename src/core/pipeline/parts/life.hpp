// The life of a pipeline: its phase, its threads, and changes in progress.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/pipeline.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "core/failure.hpp"
#include "core/pipeline/runner/runner.hpp"
#include "core/pipeline/runner/successor.hpp"
#include "core/watch/graph_state.hpp"

namespace freshframe::core {

/// Thread-safe. Independent of the graph. No other mutex is locked, and no node or hook called, while its
/// mutex is held. It also guards removals and successors, see call_locked().
class Life {
 public:
  using Real = std::chrono::steady_clock;  // phases use the machine's clock, even in a simulation

  /// A thread of the engine, and the runner that it belongs to.
  struct Thread {
    std::shared_ptr<Runner> runner;
    std::jthread thread;
    std::shared_ptr<const Successor> replacement = {};  // null for the runner's own thread
  };

  /// With `keep_running`, the pipeline does not end with its last node.
  Life(std::shared_ptr<const Clock> clock, bool keep_running)
      : clock_(std::move(clock)), keep_running_(keep_running) {}

  // ---- start

  /// Throws StateError after start() or stop().
  void expect_new() const;
  /// Call before starting the threads of `nodes` nodes. Throws StateError if a stop came first.
  void launch(int nodes);
  /// Returns false if a node has not opened by the deadline. A failure or a stop ends the wait too.
  bool wait_opened(Real::time_point deadline);
  /// Lets the sources start reading.
  void go();
  void arrive_opened(const Runner& runner);
  /// Implements RunnerHost::wait_for_start().
  std::optional<TimePoint> wait_for_start(Runner& runner);

  // ---- end

  /// Call when a node has finished.
  void arrive_finished();
  /// Refuses all further changes.
  void begin_stop();
  /// Call after all nodes were asked to stop: ends the pipeline immediately if none is left.
  void finish_stop();
  /// Waits for the end, or for a failure to report. Returns whether the pipeline has ended.
  bool wait_ended(Real::time_point until);
  /// Waits for the end and joins the threads. Returns false if the deadline passes first.
  bool join(Real::time_point deadline);
  /// Sets a hook that is called once, when the last node has ended, on that node's thread. It must not block
  /// or call back. Set it before launch().
  void set_end_hook(std::function<void()> hook) { end_hook_ = std::move(hook); }

  // ---- state
  [[nodiscard]] bool has_started() const noexcept { return started_->load(); }
  [[nodiscard]] std::shared_ptr<const std::atomic<bool>> started_flag() const noexcept { return started_; }
  [[nodiscard]] bool is_starting() const;
  [[nodiscard]] bool is_stopping() const;
  [[nodiscard]] bool has_ended() const;
  [[nodiscard]] LifePhase phase() const;
  [[nodiscard]] double uptime() const;
  /// Returns the time at which the last node ended, on the pipeline's clock, or nullopt if the pipeline has
  /// not ended.
  [[nodiscard]] std::optional<TimePoint> ended_at() const;
  [[nodiscard]] const std::shared_ptr<Failure>& failure() const noexcept { return failure_; }
  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_source_.get_token(); }
  /// Returns true if nothing has moved for `limit`, judged by successive calls. `moved`: samples so far;
  /// `busy`: a node is in a call.
  [[nodiscard]] bool stands_still(std::uint64_t moved, bool busy, Real::duration limit);

  // ---- changes while it runs

  /// Throws StateError if the pipeline no longer accepts changes. Returns whether it is running.
  bool check_changes(const char* verb) const;
  /// Records that the calling thread's add() of this node has started.
  void begin_add(const std::shared_ptr<Runner>& runner);
  /// Records that the add() has finished. Does nothing the second time.
  void end_add(int index);
  /// Returns the node of an unfinished add(), or null.
  [[nodiscard]] std::shared_ptr<Runner> pending(int index) const;
  /// Returns the nodes with numbers >= `first` whose add() was started by this thread and has not finished.
  [[nodiscard]] std::vector<int> pending_from(int first) const;
  /// Keeps the pipeline from ending while a replacement is in progress.
  void begin_replacement();
  void end_replacement();
  /// Starts a thread of the engine, which is joined later. Throws if the system cannot start another one.
  void start_thread(std::shared_ptr<Runner> runner, std::function<void()> body,
                    std::shared_ptr<const Successor> replacement = {});
  /// Returns the runners whose node is being replaced.
  [[nodiscard]] std::vector<std::shared_ptr<Runner>> list_replaced() const;
  /// Joins the threads of removed nodes.
  void sweep_threads();

  // ---- for removals and successors

  /// Calls `work` with the mutex held.
  template <class Work>
  auto call_locked(const Work& work) const {
    const Lock lock(mutex_);
    return work();
  }
  /// Like call_locked(), and then wakes all waiting threads.
  template <class Work>
  auto change(const Work& work) {
    const Lock lock(mutex_);
    changed_.notify_all();  // woken threads check their conditions once the mutex is free
    return work();
  }
  void notify() {
    change([] {});
  }
  /// Waits until `ready` returns true. Calls it with the mutex held.
  template <class Ready>
  void wait(const Ready& ready) {
    const Lock lock(mutex_);
    changed_.wait(mutex_, ready);
  }
  template <class Ready>
  bool wait_until(Real::time_point deadline, const Ready& ready) {
    const Lock lock(mutex_);
    return changed_.wait_until(mutex_, *Clock::real(), deadline, ready);
  }
  /// Waits in short slices until `over` returns true. Calls `over` with and without holding the mutex, and
  /// `hook` between the slices without it.
  void wait_with_hook(const std::function<bool()>& over, const WaitHook& hook);

 private:
  enum class Phase : std::uint8_t { Building, Starting, Running, Ended };
  /// Ends the pipeline if no node is running or being added.
  [[nodiscard]] bool end_pipeline() FRESHFRAME_REQUIRES(mutex_);
  void call_end_hook(bool last) const;

  const std::shared_ptr<const Clock> clock_;
  const bool keep_running_;
  const std::shared_ptr<Failure> failure_ = std::make_shared<Failure>();
  const std::shared_ptr<std::atomic<bool>> started_ = std::make_shared<std::atomic<bool>>(false);
  std::stop_source stop_source_;
  std::function<void()> end_hook_;

  mutable Mutex mutex_;
  Condition changed_;
  Phase phase_ FRESHFRAME_GUARDED_BY(mutex_) = Phase::Building;
  bool stopping_ FRESHFRAME_GUARDED_BY(mutex_) = false;       // whether a stop was requested: no more changes
  bool stopped_early_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // whether stop() was called before the end
  int to_open_ FRESHFRAME_GUARDED_BY(mutex_) = 0;             // launched nodes that have not opened
  int living_ FRESHFRAME_GUARDED_BY(mutex_) = 0;              // nodes that have not finished
  int replacing_ FRESHFRAME_GUARDED_BY(mutex_) = 0;           // threads of replace()
  bool go_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  TimePoint began_ FRESHFRAME_GUARDED_BY(mutex_){};
  TimePoint ended_at_ FRESHFRAME_GUARDED_BY(mutex_){};
  std::uint64_t last_delivered_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  Real::time_point last_look_ FRESHFRAME_GUARDED_BY(mutex_){};  // see stands_still()
  Real::duration stood_still_ FRESHFRAME_GUARDED_BY(mutex_){};
  // From add() until finish_add() returns: a node that fails may leave the graph before finish_add() checks.
  std::map<int, std::shared_ptr<Runner>> pending_ FRESHFRAME_GUARDED_BY(mutex_);
  std::vector<Thread> threads_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::core
