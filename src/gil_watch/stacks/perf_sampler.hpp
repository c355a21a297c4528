// Registers and stack of a thread that computes, taken by the kernel: no signal, no code in that thread.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
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

  /// From now on the sample is taken as soon as `thread` has computed for a moment. False: that is not
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

}  // namespace freshframe::gil
