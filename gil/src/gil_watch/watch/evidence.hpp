// The data that is gathered about a thread while it holds the GIL for too long.
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

/// One thread that held the GIL during a stall, with the duration and its activity.
class Suspect {
 public:
  /// `times`: of the thread, when the stall began or soon after.
  Suspect(const Holder& holder, const TaskTimes& times)
      : holder_(holder), first_times_(times), times_(times) {}

  [[nodiscard]] const Holder& holder() const { return holder_; }
  [[nodiscard]] Clock::duration had() const { return had_; }
  [[nodiscard]] const std::string& kernel_name() const { return kernel_name_; }

  /// Observes the thread, whose turn it has been for `time`, and takes the samples that are still missing.
  void gather(Clock::time_point now, Clock::duration time, const HolderWatch& gil, CpuSampler& sampler);
  /// The stall has ended: the last chance for a sample.
  void end(CpuSampler& sampler);
  /// Whether a sample on the CPU is awaited without which the stall has no native name.
  [[nodiscard]] bool is_unnamed() const { return awaiting_ && places_.present().computing.empty(); }

  /// How often it was seen at the place of the look before, and had computed or was blocked meanwhile.
  [[nodiscard]] int still_looks() const { return still_looks_; }
  /// How often it stayed there while it was seen to compute.
  [[nodiscard]] int certain_looks() const { return certain_looks_; }
  /// Whether the thread ran bytecode all the time: then no C function caused the stall.
  [[nodiscard]] bool runs_bytecode() const { return moved_looks_ > still_looks_; }
  /// The place where it was for the longest time.
  [[nodiscard]] const Place& place() const { return places_.longest(); }
  /// The frames of that place; of bytecode that moves, the deepest that were read.
  [[nodiscard]] const std::vector<PythonFrame>& python() const;
  /// The part of a stall, which lasted for `wall`, in which it waited for a processor.
  [[nodiscard]] Clock::duration delayed(Clock::duration wall) const;
  /// The part of a stall, which lasted for `wall`, in which it had a processor.
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
  int moved_looks_ = 0;  // how often its bytecode had moved since the look before
  int still_looks_ = 0;
  int certain_looks_ = 0;
  Places places_;
  std::vector<PythonFrame> deepest_;           // the deepest of all that were read
  bool awaiting_ = false;                      // a sample on the CPU
  std::unique_ptr<const SpotReader> witness_;  // the reader of that sample
  bool running_ = false;                       // at the last look
  TaskTimes first_times_;
  TaskTimes times_;                             // at the last look
  std::string kernel_name_;                     // the kernel's name of the thread
  std::shared_ptr<const Libraries> libraries_;  // at the last look that took or awaited a sample
};

}  // namespace freshframe::gil
