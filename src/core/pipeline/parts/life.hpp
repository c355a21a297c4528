// The life of a pipeline: its phase, its threads, and the changes that are under way.
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

/// Thread-safe. It knows nothing of the graph. The mutex is a leaf: no other one, no node and no hook is entered with
/// it. Removals and successors are guarded by it, too, see call_locked().
class Life {
 public:
  using Real = std::chrono::steady_clock;  // phases are timed by the machine's clock, even in a simulation

  /// A thread of the engine, and whose it is.
  struct Thread {
    std::shared_ptr<Runner> runner;
    std::jthread thread;
    std::shared_ptr<const Successor> replacement = {};  // null means it is the runner's own
  };

  /// `keep_running`: the life does not end with the last node.
  Life(std::shared_ptr<const Clock> clock, bool keep_running)
      : clock_(std::move(clock)), keep_running_(keep_running) {}

  // ---- start
  /// Throws StateError after start() or stop().
  void expect_new() const;
  /// The threads of `nodes` nodes are about to begin. Throws StateError when a stop came before.
  void launch(int nodes);
  /// Returns false when a node has not opened by the deadline. A failure and a stop end the wait, too.
  bool wait_opened(Real::time_point deadline);
  /// Lets the sources begin to read.
  void go();
  void arrive_opened(const Runner& runner);
  /// Does the work of RunnerHost::wait_for_start().
  std::optional<TimePoint> wait_for_start(Runner& runner);

  // ---- end
  /// A node has finished.
  void arrive_finished();
  /// No change is possible any more.
  void begin_stop();
  /// All have been asked to stop: the pipeline ends now if no node lives.
  void finish_stop();
  /// Waits for the end, or for a failure that is due. True means it has ended.
  bool wait_ended(Real::time_point until);
  /// Waits for the end and joins the threads. False means not by the deadline.
  bool join(Real::time_point deadline);
  /// Called once when the last node has ended, on its thread; it must not block or call back. Before launch().
  void set_end_hook(std::function<void()> hook) { end_hook_ = std::move(hook); }

  // ---- state
  [[nodiscard]] bool has_started() const noexcept { return started_->load(); }
  [[nodiscard]] std::shared_ptr<const std::atomic<bool>> started_flag() const noexcept { return started_; }
  [[nodiscard]] bool is_starting() const;
  [[nodiscard]] bool is_stopping() const;
  [[nodiscard]] bool has_ended() const;
  [[nodiscard]] LifePhase phase() const;
  [[nodiscard]] double uptime() const;
  /// Returns when the last node ended, by the pipeline's clock, or nullopt before.
  [[nodiscard]] std::optional<TimePoint> ended_at() const;
  [[nodiscard]] const std::shared_ptr<Failure>& failure() const noexcept { return failure_; }
  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_source_.get_token(); }
  /// Whether nothing has moved for `limit`, by the looks of this call. `moved`: samples so far; `busy`: a node is in a
  /// call.
  [[nodiscard]] bool stands_still(std::uint64_t moved, bool busy, Real::duration limit);

  // ---- changes while it runs
  /// Throws StateError when the pipeline takes no changes any more. True means it runs.
  bool check_changes(const char* verb) const;
  /// The call of add() for this node begins, on the calling thread.
  void begin_add(const std::shared_ptr<Runner>& runner);
  /// The call of add() for the node is over; a second time it does nothing.
  void end_add(int index);
  /// The node of an add() that is not over; null means no such node exists.
  [[nodiscard]] std::shared_ptr<Runner> pending(int index) const;
  /// Returns the numbers from `first` on whose add() this thread has begun and not ended.
  [[nodiscard]] std::vector<int> pending_from(int first) const;
  /// The pipeline does not end while a replacement is under way.
  void begin_replacement();
  void end_replacement();
  /// Starts a thread of the engine, which joins it. Throws where there is no room for one more: it has not begun then.
  void start_thread(std::shared_ptr<Runner> runner, std::function<void()> body,
                    std::shared_ptr<const Successor> replacement = {});
  /// The runners whose node is being replaced.
  [[nodiscard]] std::vector<std::shared_ptr<Runner>> list_replaced() const;
  /// Joins the threads of nodes that have gone.
  void sweep_threads();

  // ---- for removals and successors
  /// Calls `work` with the mutex.
  template <class Work>
  auto call_locked(const Work& work) const {
    const Lock lock(mutex_);
    return work();
  }
  /// Does the same, and wakes all that wait.
  template <class Work>
  auto change(const Work& work) {
    const Lock lock(mutex_);
    changed_.notify_all();  // they look when the mutex is free
    return work();
  }
  void notify() {
    change([] {});
  }
  /// Waits for `ready`, which is called with the mutex.
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
  /// Waits in slices; `hook` is called between them, without the mutex.
  void wait_with_hook(const std::function<bool()>& over, const WaitHook& hook);

 private:
  enum class Phase : std::uint8_t { Building, Starting, Running, Ended };
  /// The end, when no node lives or is being added.
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
  bool stopping_ FRESHFRAME_GUARDED_BY(mutex_) = false;       // a stop was requested: no change any more
  bool stopped_early_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // stop() came before the end
  int to_open_ FRESHFRAME_GUARDED_BY(mutex_) = 0;             // number of nodes that start() launched
  int living_ FRESHFRAME_GUARDED_BY(mutex_) = 0;              // nodes that have not finished
  int replacing_ FRESHFRAME_GUARDED_BY(mutex_) = 0;           // threads of replace()
  bool go_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  TimePoint began_ FRESHFRAME_GUARDED_BY(mutex_){};
  TimePoint ended_at_ FRESHFRAME_GUARDED_BY(mutex_){};
  std::uint64_t last_delivered_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  Real::time_point last_look_ FRESHFRAME_GUARDED_BY(mutex_){};  // for a stall
  Real::duration stood_still_ FRESHFRAME_GUARDED_BY(mutex_){};
  // Nodes from add() to the end of finish_add(): a node that fails may leave the graph before finish_add() looks.
  std::map<int, std::shared_ptr<Runner>> pending_ FRESHFRAME_GUARDED_BY(mutex_);
  std::vector<Thread> threads_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::core
