// Samples of a thread that computes: by the kernel's sampling where it is permitted, else by a timer's signal.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "gil_watch/stacks/perf_sampler.hpp"
#include "gil_watch/stacks/stack_sample.hpp"
#include "gil_watch/stacks/timer_sampler.hpp"
#include <sys/types.h>

namespace freshframe::gil {

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
  /// The thread that is armed; 0: none.
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
