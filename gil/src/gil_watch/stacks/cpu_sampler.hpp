// Samples a running thread: with perf events if permitted, otherwise with a timer signal.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>

#include "gil_watch/stacks/stack_sample.hpp"
#include <sys/types.h>

namespace freshframe::gil {

/// Uses the perf software event "task clock" for one thread, with its user registers and part of its stack.
/// Not thread-safe. Not permitted if kernel.perf_event_paranoid is above 2 (Debian without privileges) or a
/// sandbox forbids perf_event_open.
class PerfSampler {
 public:
  PerfSampler() = default;
  PerfSampler(const PerfSampler&) = delete;
  PerfSampler& operator=(const PerfSampler&) = delete;
  ~PerfSampler() { disarm(); }

  /// Requests a sample as soon as `thread` has used a little CPU time. Returns false if that is not possible.
  bool arm(pid_t thread);
  /// Returns true if the system forbids perf events permanently.
  [[nodiscard]] bool forbidden() const { return forbidden_; }
  /// Returns the requested sample, if it has been taken, and disarms the sampler.
  std::optional<StackSample> take();
  void disarm();
  /// Call after fork() in the child: closes its copy of the event, which would keep the parent's event alive.
  void abandon() { close_event(); }

 private:
  void close_event();
  std::atomic<int> event_{-1};  // atomic, because a fork may happen at any time
  bool forbidden_ = false;
  pid_t thread_ = 0;
  void* ring_ = nullptr;
};

// Registers and stack of a thread that computes: a timer on that thread's CPU clock sends it one signal. Note
// [No signal for a thread that waits] A signal interrupts nanosleep and many other system calls. A check that
// a thread runs is valid only for that moment, so a plain signal may interrupt a system call that has begun
// since. A timer on the thread's own CPU clock expires only while the thread uses CPU time, and the signal is
// then delivered immediately.

/// Samples one thread at a time. Not thread-safe. Only one sampler at a time can own the signal. Slower than
/// perf events: it needs a tick of the kernel's clock, 1 to 10 ms apart.
class TimerSampler {
 public:
  TimerSampler() = default;
  TimerSampler(const TimerSampler&) = delete;
  TimerSampler& operator=(const TimerSampler&) = delete;
  ~TimerSampler() { release(); }

  /// Finds an unused real-time signal and installs a handler, which stays installed until the process ends,
  /// because a signal may still be pending when the watch ends. Returns false if all signals are in use, or
  /// another sampler is active.
  bool acquire();
  void release();

  /// Requests a sample at the next tick at which `thread` is running.
  bool arm(pid_t thread, const Witness& witness = {});

  /// Returns the requested sample, if it has been taken, and disarms the sampler.
  std::optional<StackSample> take();

  void disarm();

  /// Call after fork() in the child: marks the parent's sampler as inactive.
  static void forget();

  /// The thread to be sampled, or 0.
  [[nodiscard]] pid_t armed() const { return armed_; }

 private:
  bool acquired_ = false;
  pid_t armed_ = 0;
  timer_t timer_{};
};

/// Samples one thread at a time. Not thread-safe.
class CpuSampler {
 public:
  /// Requests a sample of `thread` as soon as it runs. Samples taken by perf events have no witness.
  void arm(pid_t thread, const Witness& witness = {}) {
    disarm();
    by_kernel_ = by_kernel_ && !kernel_.forbidden();
    if (by_kernel_ ? kernel_.arm(thread) : timer_.acquire() && timer_.arm(thread, witness)) armed_ = thread;
  }
  /// Returns the requested sample, if it has been taken, and disarms the sampler.
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
  /// Makes the signal available to another sampler.
  void release() {
    disarm();
    timer_.release();
  }
  /// Call after fork() in the child: releases the parent's resources.
  void abandon() {
    kernel_.abandon();
    TimerSampler::forget();
  }
  /// The thread to be sampled, or 0.
  [[nodiscard]] pid_t armed() const { return armed_; }
  /// Behaves as if perf events were not permitted. For tests.
  void use_timer() { by_kernel_ = false; }

 private:
  bool by_kernel_ = true;
  pid_t armed_ = 0;
  PerfSampler kernel_;
  TimerSampler timer_;
};

}  // namespace freshframe::gil
