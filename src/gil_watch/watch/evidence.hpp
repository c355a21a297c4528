// The data that is gathered about a thread while it holds the GIL for too long.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gil_watch/stacks/cpu_sampler.hpp"
#include "gil_watch/stacks/stack_sample.hpp"
#include "gil_watch/watch/holder_watch.hpp"
#include "gil_watch/watch/task_state.hpp"

namespace freshframe::gil {

/// One thread that held the GIL during a stall, with the duration and its activity.
struct Suspect {
  Holder holder;
  Clock::duration had{};
  int waiting_looks = 0;  // how often it was seen waiting in the kernel
  int running_looks = 0;
  int moved_looks = 0;  // how often its bytecode had moved since the look before
  int still_looks = 0;
  Clock::duration computed{};                  // its CPU time at the last look
  std::string kernel_name;                     // of the thread
  std::vector<PythonFrame> python;             // when the first stack was taken; until then, at the last look
  std::optional<StackSample> waiting;          // its stack where it waited most
  TaskState place;                             // the place of that wait
  int place_votes = 0;                         // looks that saw it there, less those that saw it elsewhere
  std::optional<StackSample> computing;        // its stack when it was on the CPU
  std::shared_ptr<const Libraries> libraries;  // at the last look that took or awaited a sample

  /// Ends the wait for the sample on the CPU, with or without the sample.
  void take_computing(CpuSampler& sampler);
  [[nodiscard]] bool blocked() const { return waiting_looks > running_looks; }
  /// It ran bytecode all the time: no C function caused the stall.
  [[nodiscard]] bool runs_bytecode() const { return moved_looks > still_looks; }
  [[nodiscard]] const StackSample* stack() const {
    const auto& first = blocked() ? waiting : computing;
    const auto& second = blocked() ? computing : waiting;
    return first ? &*first : second ? &*second : nullptr;
  }
};

/// Observes the thread whose turn it is, once, and takes the samples that are still missing.
void gather(Suspect& suspect, const HolderWatch& gil, CpuSampler& sampler);

}  // namespace freshframe::gil
