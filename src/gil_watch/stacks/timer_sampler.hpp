// Registers and stack of a thread that computes: a timer on that thread's CPU clock sends it one signal.
// SPDX-License-Identifier: Apache-2.0
//
// Note [No signal for a thread that waits]
// A signal interrupts nanosleep and many other system calls. A check that a thread runs is valid only for
// that moment, so a plain signal may interrupt a system call that has begun since. A timer on the thread's
// own CPU clock expires only while the thread uses CPU time, and the signal is then delivered at once.
#pragma once

#include <ctime>
#include <optional>

#include "gil_watch/stacks/stack_sample.hpp"
#include <sys/types.h>

namespace freshframe::gil {

/// Samples one thread at a time. For one thread only (the watcher's); while one has the signal, acquire() of
/// another one returns false. Slower than the kernel's sampling: it needs a tick of the clock, 1 to 10 ms
/// apart.
class TimerSampler {
 public:
  TimerSampler() = default;
  TimerSampler(const TimerSampler&) = delete;
  TimerSampler& operator=(const TimerSampler&) = delete;
  ~TimerSampler() { release(); }

  /// Finds an unused real-time signal and installs the handler, which then stays for the life of the process:
  /// a signal may still be pending when the watch ends. False: all signals are in use, or another sampler is
  /// active.
  bool acquire();
  void release();

  /// From now on the next tick of the clock that finds `thread` computing takes the sample.
  bool arm(pid_t thread, const Witness& witness = {});

  /// The sample, once it was taken. Disarms.
  std::optional<StackSample> take();

  void disarm();

  /// After a fork, in the child: the parent's sampler is no longer active.
  static void forget();

  /// The thread that is armed; 0: none.
  [[nodiscard]] pid_t armed() const { return armed_; }

 private:
  bool acquired_ = false;
  pid_t armed_ = 0;
  timer_t timer_{};
};

}  // namespace freshframe::gil
