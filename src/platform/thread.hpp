// The properties of a thread that C++ does not know: name, number, times, priority, signals.
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

/// Gives this thread the name that debuggers and `top` show. Linux shows its first 15 bytes.
void name_thread(std::string_view name) noexcept;

/// Returns the number of this thread in the system's tools. No other thread that runs has the same.
[[nodiscard]] int thread_number() noexcept;

/// Returns the time for which this thread has had a processor. Each call is one of the system: 0.2 microseconds.
[[nodiscard]] std::chrono::nanoseconds processor_time() noexcept;

/// Lets threads of usual priority go before this one until it ends. Without effect if the system refuses.
void give_way() noexcept;

/// Starts a thread, with a name, that no signal reaches: handlers run on the program's own threads. Throws
/// std::system_error if the system has no thread left.
[[nodiscard]] std::thread start_without_signals(std::string_view name, std::function<void()> body);

/// The times of a thread since its beginning, in seconds.
struct ThreadTimes {
  double computed = 0;  // on a processor
  double waited = 0;    // ready to run, without one
};

/// Returns the times of a thread of this process by its number, or nullopt if it has ended or the kernel does not count
/// them (gVisor, CONFIG_SCHED_INFO off).
[[nodiscard]] std::optional<ThreadTimes> thread_times(int thread);

/// Returns the times of all threads of this process and of `others`, by their numbers: 5 microseconds per thread. Leaves
/// out what ends meanwhile, and processes that are not there. Empty if the kernel does not count.
[[nodiscard]] std::map<int, ThreadTimes> all_thread_times(const std::vector<int>& others);

}  // namespace freshframe::platform
