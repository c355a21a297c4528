// Properties of threads that C++ does not provide: name, id, CPU time, priority, signals.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

namespace freshframe::platform {

/// Sets this thread's name for debuggers and `top`. Linux shows the first 15 bytes.
void name_thread(std::string_view name) noexcept;

/// Returns this thread's id as shown by system tools. Unique among running threads.
[[nodiscard]] int thread_number() noexcept;

/// Returns this thread's CPU time. Each call is a system call: 0.2 microseconds.
[[nodiscard]] std::chrono::nanoseconds processor_time() noexcept;

/// Lowers this thread's priority below normal until it ends. No effect if the system refuses.
void give_way() noexcept;

/// Starts a named thread with all signals blocked, so that handlers run on the program's own threads. Throws
/// std::system_error if the system cannot start another thread.
[[nodiscard]] std::thread start_without_signals(std::string_view name, std::function<void()> body);

/// Times of a thread since it started, in seconds.
struct ThreadTimes {
  double computed = 0;  // running on a CPU
  double waited = 0;    // ready to run, waiting for a CPU
};

/// Returns the times of a thread of this process, or nullopt if it has ended or the kernel does not count
/// them (gVisor, CONFIG_SCHED_INFO off).
[[nodiscard]] std::optional<ThreadTimes> thread_times(int thread);

/// Returns the times of all threads of this process and of the processes in `others`, by thread id. Takes 5
/// microseconds per thread. Omits threads that end in the meantime, and missing processes. Empty if the
/// kernel does not count.
[[nodiscard]] std::map<int, ThreadTimes> all_thread_times(const std::vector<int>& others);

}  // namespace freshframe::platform
