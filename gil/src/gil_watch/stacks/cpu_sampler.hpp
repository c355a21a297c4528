// Samples of a thread that computes: by the kernel's sampling where it is permitted, else by a timer's signal.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>

#include "gil_watch/stacks/stack_sample.hpp"
#include <sys/types.h>

namespace freshframe::gil {

/// The kernel's software event "task clock" of one thread, with its user registers and a piece of its stack.
/// For one thread. Not permitted where kernel.perf_event_paranoid is above 2 (Debian without privileges) or a
/// sandbox forbids perf_event_open.
class PerfSampler {
 public:
  PerfSampler() = default;
  PerfSampler(const PerfSampler&) = delete;
  PerfSampler& operator=(const PerfSampler&) = delete;
  ~PerfSampler() { disarm(); }

  /// From now on the sample is taken as soon as `thread` has computed for a moment. False means that is not
  /// possible.
  bool arm(pid_t thread);
  /// Whether the system forbids it permanently.
  [[nodiscard]] bool forbidden() const { return forbidden_; }
  /// The sample, once it was taken. Disarms.
  std::optional<StackSample> take();
  void disarm();
  /// After a fork, in the child: closes its copy of the event, which otherwise keeps the parent's event
  /// alive.
  void abandon() { close_event(); }

 private:
  void close_event();
  std::atomic<int> event_{-1};  // a fork may happen at any time
  bool forbidden_ = false;
  pid_t thread_ = 0;
  void* ring_ = nullptr;
};

// Registers and stack of a thread that computes: a timer on that thread's CPU clock sends it one signal.
// Note [No signal for a thread that waits]
// A signal interrupts nanosleep and many other system calls. A check that a thread runs is valid only for
// that moment, so a plain signal may interrupt a system call that has begun since. A timer on the thread's
// own CPU clock expires only while the thread uses CPU time, and the signal is then delivered at once.

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
  /// a signal may still be pending when the watch ends. False means all signals are in use, or another
  /// sampler is active.
  bool acquire();
  void release();

  /// From now on the next tick of the clock that finds `thread` computing takes the sample.
  bool arm(pid_t thread, const Witness& witness = {});

  /// The sample, once it was taken. Disarms.
  std::optional<StackSample> take();

  void disarm();

  /// After a fork, in the child: the parent's sampler is no longer active.
  static void forget();

  /// The thread that is armed; 0 means none.
  [[nodiscard]] pid_t armed() const { return armed_; }

 private:
  bool acquired_ = false;
  pid_t armed_ = 0;
  timer_t timer_{};
};

/// Samples one thread at a time. For one thread (the watcher's).
class CpuSampler {
 public:
  /// Takes the sample of `thread` as soon as it computes. A sample by the kernel has no witness.
  void arm(pid_t thread, const Witness& witness = {}) {
    disarm();
    by_kernel_ = by_kernel_ && !kernel_.forbidden();
    if (by_kernel_ ? kernel_.arm(thread) : timer_.acquire() && timer_.arm(thread, witness)) armed_ = thread;
  }
  /// The sample, once it was taken. Disarms.
  std::optional<StackSample> take() {
    auto sample = by_kernel_ ? kernel_.take() : timer_.take();
    if (sample) armed_ = 0;
    return sample;
  }
  void disarm() {
    kernel_.disarm();
    timer_.disarm();
    armed_ = 0;
  }
  /// Releases the signal for another sampler.
  void release() {
    disarm();
    timer_.release();
  }
  /// After a fork, in the child: releases the resources of the parent.
  void abandon() {
    kernel_.abandon();
    TimerSampler::forget();
  }
  /// The thread that is armed; 0 means none.
  [[nodiscard]] pid_t armed() const { return armed_; }
  /// For tests: as if the kernel's sampling were not permitted.
  void use_timer() { by_kernel_ = false; }

 private:
  bool by_kernel_ = true;
  pid_t armed_ = 0;
  PerfSampler kernel_;
  TimerSampler timer_;
};

}  // namespace freshframe::gil
