// The kernel's state of a thread: on the CPU, or waiting in a system call.
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
  long system_call = -1;            // the call in which it waits; -1 if none, such as for a page of memory
  std::uint64_t stack_pointer = 0;  // when it waits
  std::uint64_t counter = 0;

  friend bool operator==(const TaskState&, const TaskState&) = default;
};

/// The clock of a thread's CPU time, as the kernel spells it: CPUCLOCK_SCHED | CPUCLOCK_PERTHREAD_MASK.
clockid_t cpu_clock(pid_t thread);

/// From /proc/self/task/ID/syscall; nothing when the thread has ended or the kernel gives no information.
std::optional<TaskState> read_task_state(pid_t thread);

/// Copies the stack of a thread that waits in `state`. Nothing when it moved meanwhile. Sends no signal,
/// which would interrupt the thread's system call.
std::optional<StackSample> sample_waiting(pid_t thread, const TaskState& state);

/// "clock_nanosleep"; "system call 999" for one without a name here, "page fault" for -1.
std::string system_call_name(long number);

/// Sums since the thread's start.
struct TaskTimes {
  std::chrono::nanoseconds computed{};  // it had a processor
  /// Time in which it could run and waited for a processor, without the present wait.
  std::chrono::nanoseconds queued{};
};

/// Zeros when the thread has ended; `queued` is 0 if the kernel does not count it
/// (/proc/self/task/ID/schedstat).
TaskTimes task_times(pid_t thread);

/// The first of them alone, which costs less; zero when the thread has ended.
std::chrono::nanoseconds computed_time(pid_t thread);

/// The kernel's name of the thread, at most 15 bytes; empty when it has ended.
std::string task_name(pid_t thread);

}  // namespace freshframe::gil
