// Evidence about a thread, collected while it holds the GIL for too long.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gil_watch/stacks/cpu_sampler.hpp"
#include "gil_watch/stacks/stack_sample.hpp"
#include "gil_watch/stacks/task_state.hpp"
#include "gil_watch/watch/holder_watch.hpp"

namespace freshframe::gil {

/// A thread that held the GIL during a stall: for how long, and what it did.
class Suspect {
 public:
  /// `times`: of the thread, at the start of the stall or soon after.
  Suspect(const Holder& holder, const TaskTimes& times)
      : holder_(holder), first_times_(times), times_(times) {}

  [[nodiscard]] const Holder& holder() const { return holder_; }
  [[nodiscard]] Clock::duration had() const { return had_; }
  [[nodiscard]] const std::string& kernel_name() const { return kernel_name_; }

  /// Observes the thread, which has held the GIL for `time`, and takes samples that are still missing.
  void gather(Clock::time_point now, Clock::duration time, const HolderWatch& gil, CpuSampler& sampler);
  /// Must be called at the end of the stall: takes a last sample if one is ready.
  void end(CpuSampler& sampler);
  /// Returns true if the stall has no native name until a requested CPU sample arrives.
  [[nodiscard]] bool is_unnamed() const { return awaiting_ && places_.present().computing.empty(); }

  /// Number of observations in which the thread was still at the same place, although it had used CPU time or
  /// was blocked.
  [[nodiscard]] int still_looks() const { return still_looks_; }
  /// Number of the still_looks() during which the thread was certainly running.
  [[nodiscard]] int certain_looks() const { return certain_looks_; }
  /// Returns true if the thread always ran bytecode, so no C function caused the stall.
  [[nodiscard]] bool runs_bytecode() const { return moved_looks_ > still_looks_; }
  /// The place where the thread stayed longest.
  [[nodiscard]] const Place& place() const { return places_.longest(); }
  /// The Python frames of place(). If the bytecode moves, the deepest frames seen.
  [[nodiscard]] const std::vector<PythonFrame>& python() const;
  /// The part of a stall of length `wall` in which it waited for a CPU.
  [[nodiscard]] Clock::duration delayed(Clock::duration wall) const;
  /// The part of a stall of length `wall` in which it was on a CPU.
  [[nodiscard]] Clock::duration computed(Clock::duration wall) const;

 private:
  void count_movement(const HolderWatch& gil, const TaskState& state);
  enum class Movement : std::uint8_t { Moved, Still, Unknown };
  [[nodiscard]] Movement movement_while_running(const HolderWatch& gil) const;
  void gather_frames(const HolderWatch& gil);
  void gather_computing(const HolderWatch& gil, CpuSampler& sampler);
  void gather_waiting(const HolderWatch& gil, const TaskState& state);

  Holder holder_;
  Clock::duration had_{};
  int moved_looks_ = 0;  // observations at which the bytecode had moved
  int still_looks_ = 0;
  int certain_looks_ = 0;
  Places places_;
  std::vector<PythonFrame> deepest_;           // the deepest frames seen so far
  bool awaiting_ = false;                      // whether a CPU sample has been requested
  std::unique_ptr<const SpotReader> witness_;  // the witness of the requested sample
  bool running_ = false;                       // whether the thread was running at the last observation
  TaskTimes first_times_;
  TaskTimes times_;                             // the thread's times at the last observation
  std::string kernel_name_;                     // the kernel's name for the thread
  std::shared_ptr<const Libraries> libraries_;  // loaded libraries when a sample was last taken or requested
};

}  // namespace freshframe::gil
