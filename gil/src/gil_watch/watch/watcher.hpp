// The watcher: a thread that detects that the GIL is unavailable and finds out why, without ever taking the
// GIL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "gil_watch/stacks/call_stack.hpp"
#include "gil_watch/watch/culprit.hpp"
#include "gil_watch/watch/evidence.hpp"
#include "gil_watch/watch/holder_watch.hpp"
#include "gil_watch/watch/probe.hpp"
#include "gil_watch/watch/stall.hpp"

namespace freshframe::gil {

struct WatchOptions {
  Clock::duration threshold = std::chrono::milliseconds(10);
  /// Time between two observations. Zero selects a fifth of the threshold, within 0.5 to 5 ms.
  Clock::duration period{};
  /// Samples with the timer only, as if perf events were not permitted.
  bool timer_only = false;
  /// Reports calls only, with their own time: bytecode that moves is never a stall, even if the switch
  /// interval is longer than the threshold, and of a call that was running only its CPU time counts.
  bool calls_only = false;
};

/// Reports every time that the GIL was unavailable for longer than the threshold.
///
/// Note [When the probe asks]
/// A request for the GIL makes its holder release it and wait for its turn again, so constant requests would
/// slow the program down. The watcher reads the GIL's record instead. It lets the probe ask only when the
/// holder seems stuck, because it has not moved in its bytecode for a while (code that moves releases the GIL
/// within the switch interval, unless that interval is longer than the threshold), and, a few times per
/// second, when several threads take turns. The real wait of the probe then decides whether it is a stall.
///
/// Thread-safe. The callback runs on the watcher's thread, without the GIL, and must not wait for it. Without
/// a thread that serves probe(), the end of a stall is noticed only at the next observation.
class Watcher {
 public:
  using OnStall = std::function<void(Stall&&)>;

  /// `on_going`: called a few times per second during a long stall.
  Watcher(const Target& target, const WatchOptions& options, OnStall on_stall, OnStall on_going = {});
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  /// Starts the thread and returns once it observes. `names`: of C functions that Python can call. `called`:
  /// a stack on which bytecode calls our caller, to locate the interpreter's loop.
  void start(CallableNames names, unsigned long ignored_python_id, StackSample called);
  /// Stops the thread and waits for its end.
  void stop();
  /// Call after fork() in the child, where the thread does not exist. The object must be leaked, because the
  /// thread cannot be joined.
  void abandon();

  [[nodiscard]] Probe& probe() { return probe_; }
  /// Takes effect at the next observation. Also changes the time between observations.
  void set_threshold(Clock::duration threshold) {
    threshold_.store(threshold.count(), std::memory_order_relaxed);
  }
  [[nodiscard]] Clock::duration threshold() const {
    return Clock::duration(threshold_.load(std::memory_order_relaxed));
  }
  /// Waits until the stall in progress, if any, has been reported. Otherwise only reads an atomic. Returns
  /// false on timeout. The caller must not hold the GIL, because the end of a stall is detected by a thread
  /// that acquires it.
  [[nodiscard]] bool settle(Clock::duration timeout) const;
  [[nodiscard]] bool has_open_stall() const { return has_open_.load(std::memory_order_acquire); }
  /// The end of the latest interval of at least the threshold without an observation, because the watcher got
  /// no CPU; it may have missed a stall. Now, if such an interval is in progress; zero if there was none.
  [[nodiscard]] Clock::time_point blind_until() const;
  /// Number of stalls dropped because memory ran out.
  [[nodiscard]] std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

  /// Sets the threads' Python names by threading.get_native_id(), since a get_ident() may be reused after a
  /// thread has ended. Called by the thread that serves the probe, with the GIL, before it reports its
  /// acquisition.
  using ThreadNames = std::unordered_map<pid_t, std::string>;
  void name_threads(ThreadNames names);
  /// Adds names of C functions from modules loaded since the start. Must be called like name_threads().
  /// Known names are kept.
  void add_names(CallableNames names);

 private:
  struct Open {
    Clock::time_point began;
    unsigned long number = 0;  // the turn in which the stall began
    std::vector<Suspect> suspects;
    Clock::time_point told{};  // when on_going was last called
  };

  // Times of a holder that does not move, while no stall is open.
  struct Quiet {
    pid_t holder = 0;
    Clock::time_point since;
    TaskTimes times;
    bool complete = false;  // whether `times.queued` has been read
  };

  void run();
  void look();
  void look_or_lose();
  void close_or_lose();
  void lose();
  void consider(Clock::time_point now);
  void remember_times();
  void follow(Clock::time_point now, Clock::duration step);
  void open(Clock::time_point began, Clock::time_point now);
  void close(Clock::time_point end);
  void report(std::vector<Suspect>& suspects, Clock::time_point began, Clock::time_point end);
  [[nodiscard]] Clock::duration period() const;
  [[nodiscard]] Clock::duration patience() const;
  [[nodiscard]] Clock::duration own_time(const Suspect& suspect, Clock::duration duration) const;
  enum class Activity : std::uint8_t { Call, Bytecode, Unknown };
  [[nodiscard]] Activity activity_of(const Suspect& suspect);
  [[nodiscard]] Clock::time_point stuck_since() const;
  Suspect& suspect_of(const Holder& holder);
  void tell_going(Clock::time_point now);
  Stall describe(const Suspect& suspect, Clock::time_point began, Clock::duration duration);
  void name(Stall& stall, const Place& place);
  std::string thread_name(const Suspect& suspect);

  const Target target_;
  const WatchOptions options_;
  const OnStall on_stall_;
  const OnStall on_going_;
  Probe probe_;
  std::mutex names_mutex_;
  ThreadNames thread_names_;   // guarded by names_mutex_
  CallableNames added_names_;  // guarded by names_mutex_

  // Used only by the watcher's thread.
  HolderWatch gil_;
  CpuSampler sampler_;
  std::unique_ptr<CallStacks> stacks_;
  CallableNames names_;
  Implementations implementations_;
  StackSample called_;
  std::optional<Open> open_;
  Quiet quiet_;
  Clock::time_point last_look_;
  Clock::time_point last_beat_;
  unsigned long beat_switches_ = 0;

  std::atomic<Clock::rep> threshold_;
  std::atomic<Clock::rep> blind_until_{0};
  std::atomic<Clock::rep> looked_at_{0};
  std::atomic<bool> has_open_{false};
  std::atomic<std::uint64_t> closed_{0};  // number of stalls, reported or not
  std::atomic<std::uint64_t> lost_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> looking_{false};
  std::thread thread_;
};

}  // namespace freshframe::gil
