// A function to call first on each node thread.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace freshframe::core {

using ThreadBegin = void (*)() noexcept;

inline std::atomic<ThreadBegin> thread_begin_now{nullptr};

/// Sets the function for all node threads that start from now on. A fleet's agent uses it to give them a
/// stack for signal handlers.
inline void on_thread_begin(ThreadBegin call) noexcept {
  thread_begin_now.store(call, std::memory_order_release);
}

/// Called once by each node thread.
inline void begin_thread() noexcept {
  if (const auto call = thread_begin_now.load(std::memory_order_acquire)) call();
}

}  // namespace freshframe::core
