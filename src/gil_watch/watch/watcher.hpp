// The watcher: a thread that sees, without ever taking the GIL, that it cannot be had, and finds out why.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "gil_watch/stacks/call_stack.hpp"
#include "gil_watch/watch/culprit.hpp"
#include "gil_watch/watch/evidence.hpp"
#include "gil_watch/watch/holder_watch.hpp"
#include "gil_watch/watch/probe.hpp"
#include "gil_watch/watch/stall.hpp"

namespace freshframe::gil {

struct WatchOptions {
  Clock::duration threshold = std::chrono::milliseconds(10);
  /// Time between two looks at the lock; zero: a fifth of the threshold, 0.5 to 5 ms.
  Clock::duration period{};
  /// Does without the kernel's sampling, as where it is not permitted.
  bool timer_only = false;
};

/// Tells of every time that the GIL could not be had for longer than the threshold.
///
/// Note [When the probe asks]
/// Asking for the GIL makes its holder hand it over and wait for its turn again, so asking all the time would
/// cost the program what it is meant to save. The watcher looks at the lock's record instead, and has the
/// probe ask only when the holder looks stuck: it has not moved in its bytecode for a while (code that moves
/// hands over within the switch interval, unless that interval is longer than the threshold), or when several
/// threads take turns, a few times per second. Whether it is a stall is then decided by how long the probe
/// really had to wait.
///
/// Thread-safe. The callback runs on the watcher's thread, without the GIL, and must not wait for it. Without
/// anybody serving probe() the ends of stalls are seen at the next look instead of at once.
class Watcher {
 public:
  using OnStall = std::function<void(Stall&&)>;

  /// `on_going`: told a few times per second what is known of a stall that goes on for long.
  Watcher(const Target& target, const WatchOptions& options, OnStall on_stall, OnStall on_going = {});
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  /// Starts the thread and returns when it looks. `names`: of C functions that Python can call.
  /// `called`: a stack on which bytecode calls the caller of this; it shows where the interpreter's loop is.
  void start(CallableNames names, unsigned long ignored_python_id, StackSample called);
  /// Returns when the thread has ended.
  void stop();
  /// After a fork, in the child: the thread is gone. The object must then be leaked: nothing can be joined.
  void abandon();

  [[nodiscard]] Probe& probe() { return probe_; }
  /// Stalls that could not be told, for want of memory.
  [[nodiscard]] std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

  /// Names of threads, which only Python knows, by threading.get_native_id() (the next thread may have the
  /// get_ident() of one that has ended): told by whoever serves the probe, with the GIL, before it says that
  /// it has taken it.
  using ThreadNames = std::unordered_map<pid_t, std::string>;
  void name_threads(ThreadNames names);

 private:
  struct Open {
    Clock::time_point began;
    unsigned long number = 0;  // the turn that it began with
    std::vector<Suspect> suspects;
    Clock::time_point told{};  // to on_going
  };

  void run();
  void look();
  void look_or_lose();
  void close_or_lose();
  void lose();
  void consider(Clock::time_point now);
  void follow(Clock::time_point now, Clock::duration step);
  void open(Clock::time_point began, Clock::time_point now);
  void close(Clock::time_point end);
  [[nodiscard]] Clock::time_point stuck_since() const;
  Suspect& suspect_of(const Holder& holder);
  void tell_going(Clock::time_point now);
  Stall describe(const Suspect& suspect, Clock::time_point began, Clock::duration duration);
  void learn_name(std::span<const NativeFrame> chain);
  std::string thread_name(const Suspect& suspect);

  const Target target_;
  const WatchOptions options_;
  const OnStall on_stall_;
  const OnStall on_going_;
  Probe probe_;
  std::mutex names_mutex_;
  ThreadNames thread_names_;  // guarded by names_mutex_

  // The thread's own.
  HolderWatch gil_;
  CpuSampler sampler_;
  std::unique_ptr<CallStacks> stacks_;
  CallableNames names_;
  StackSample called_;
  std::unordered_set<std::uintptr_t> asked_;  // functions whose name was looked for
  std::optional<Open> open_;
  Clock::time_point last_look_;
  Clock::time_point last_beat_;
  unsigned long beat_switches_ = 0;

  std::atomic<std::uint64_t> lost_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> looking_{false};
  std::thread thread_;
};

}  // namespace freshframe::gil
