// Samples for how long a node's call holds the GIL, and for how long it waits for it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include "bindings/border/fork_guard.hpp"
#include "gil_watch/watch/futex_wait.hpp"

namespace freshframe::python {

/// Note [Sampling the GIL] During a node's call, Python and C functions release the GIL and acquire it again,
/// and no hook reports it. The thread's CPU time does not show that zlib computes without the GIL or that a C
/// function sleeps with it. So while calls of nodes take longer than a moment, a native thread reads the
/// interpreter's record of the GIL about a hundred times a second, without acquiring it. The time since the
/// previous sample counts as held by the node that is the holder. At every fourth sample it also reads which
/// nodes' threads wait on a lock of that record: they wait for the GIL. So the holds of all nodes never add
/// up to more than the elapsed time. Samples are taken at random intervals, so that they do not follow a
/// node's rhythm. They stop when no call has been long for two seconds, and start again with the next long
/// one. For a long call that follows a short one, CPU time is used instead.
class HoldSampler {
 public:
  using Clock = std::chrono::steady_clock;

  /// Seconds.
  struct Seen {
    double held = 0;
    double waited = 0;
  };

  /// What is known about one node thread. Created, used and destroyed by that thread with the GIL held.
  class Seat {
   public:
    Seat();
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    /// Called after the thread has acquired the GIL. `expects_long`: it will probably keep its turn for more
    /// than a moment.
    void begin_hold(bool expects_long);
    /// Returns true if end_hold() of a long turn will return a value.
    [[nodiscard]] bool is_seen() const noexcept { return is_seen_; }
    /// Called before the thread releases the GIL. Returns what was sampled during a long turn, or nullopt if
    /// nothing was.
    std::optional<Seen> end_hold(bool was_long);

   private:
    friend class HoldSampler;
    std::uintptr_t thread_ = 0;  // the interpreter's record of the thread; 0 if unknown
    bool is_seen_ = false;
    std::atomic<bool> has_turn_{false};
    std::atomic<std::int64_t> held_ns_{0};    // in this turn
    std::atomic<std::int64_t> waited_ns_{0};  // in this turn
    std::optional<gil::FutexWait> wait_;      // used only by the sampler's thread
    std::shared_ptr<HoldSampler> sampler_;
    ForkGuard guard_;
  };

  explicit HoldSampler(std::uintptr_t lock) : lock_(lock) {}
  ~HoldSampler();
  HoldSampler(const HoldSampler&) = delete;
  HoldSampler& operator=(const HoldSampler&) = delete;

 private:
  using Seats = std::unordered_map<std::uintptr_t, Seat*>;  // by thread

  void add(Seat& seat);
  void remove(Seat& seat);
  /// Starts sampling the GIL, or continues for longer. Needs the GIL.
  void look_on();
  void run();
  /// `holder`: the holder of the GIL, or seats_.end() if that is not a node. `since`: the time since the
  /// previous sample.
  void note_hold_locked(Seats::const_iterator holder, Clock::duration since);
  void note_waits_locked(Seats::const_iterator holder, Clock::duration since);
  [[nodiscard]] bool is_wanted_locked() const;

  const std::uintptr_t lock_;  // the record's address
  std::atomic<Clock::time_point> until_{};
  std::atomic<bool> is_looking_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  Seats seats_;                        // guarded by mutex_
  bool stopping_ = false;              // guarded by mutex_
  std::optional<std::thread> thread_;  // samples the threads with the GIL
};

}  // namespace freshframe::python
