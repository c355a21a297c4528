// What the kernel says about a thread: is it on the CPU, or in which system call does it wait?
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "gil_watch/stacks/stack_sample.hpp"
#include <sys/types.h>

namespace freshframe::gil {

struct TaskState {
  bool running = true;              // on a CPU or waiting for one
  long system_call = -1;            // when it waits; -1: not in a system call, such as for a page of memory
  std::uint64_t stack_pointer = 0;  // when it waits
  std::uint64_t counter = 0;

  friend bool operator==(const TaskState&, const TaskState&) = default;
};

/// The clock of a thread's CPU time, as the kernel spells it: CPUCLOCK_SCHED | CPUCLOCK_PERTHREAD_MASK.
clockid_t cpu_clock(pid_t thread);

/// From /proc/self/task/ID/syscall; nothing when the thread is gone or the kernel does not tell.
std::optional<TaskState> read_task_state(pid_t thread);

/// Copies the stack of a thread that waits. Nothing when it did not stay where it was meanwhile. Sends no
/// signal: that would cut the thread's system call short.
std::optional<StackSample> sample_waiting(pid_t thread);

/// "clock_nanosleep"; "system call 999" for one without a name here, "page fault" for -1.
std::string system_call_name(long number);

/// CPU time that the thread has had; zero when it is gone.
std::chrono::nanoseconds cpu_time(pid_t thread);

/// The thread's name for the kernel, at most 15 bytes; empty when it is gone.
std::string task_name(pid_t thread);

}  // namespace freshframe::gil
