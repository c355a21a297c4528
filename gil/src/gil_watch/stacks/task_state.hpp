// The kernel's view of a thread: running, or waiting in a system call.
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
  bool running = true;              // true if the thread is on a CPU or waiting for one
  long system_call = -1;            // the one that the thread waits in; -1 for none, such as a page fault
  std::uint64_t stack_pointer = 0;  // valid while the thread waits
  std::uint64_t counter = 0;

  friend bool operator==(const TaskState&, const TaskState&) = default;
};

/// The id of a thread's CPU-time clock in the kernel's encoding: CPUCLOCK_SCHED | CPUCLOCK_PERTHREAD_MASK.
clockid_t cpu_clock(pid_t thread);

/// Reads /proc/self/task/ID/syscall. Returns nullopt if the thread has ended or the file is not available.
std::optional<TaskState> read_task_state(pid_t thread);

/// Copies the stack of a thread that waits in `state`. Returns nullopt if it has moved in the meantime. Sends
/// no signal, which would interrupt the system call.
std::optional<StackSample> sample_waiting(pid_t thread, const TaskState& state);

/// "clock_nanosleep"; "system call 999" for one not in our table, "page fault" for -1.
std::string system_call_name(long number);

/// Totals since the thread's start.
struct TaskTimes {
  std::chrono::nanoseconds computed{};  // CPU time
  /// Time for which the thread was ready to run but waited for a CPU, excluding a wait still in progress.
  std::chrono::nanoseconds queued{};
};

/// Zeros if the thread has ended; `queued` is 0 if the kernel does not record it
/// (/proc/self/task/ID/schedstat).
TaskTimes task_times(pid_t thread);

/// Returns only the CPU time, which is cheaper; zero if the thread has ended.
std::chrono::nanoseconds computed_time(pid_t thread);

/// The kernel's name for the thread, at most 15 bytes; empty if it has ended.
std::string task_name(pid_t thread);

}  // namespace freshframe::gil
