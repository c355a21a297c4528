// The first action of each thread of a node, if the process wants one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace freshframe::core {

using ThreadBegin = void (*)() noexcept;

inline std::atomic<ThreadBegin> thread_begin_now{nullptr};

/// Sets the call of all threads of nodes that begin from now on. A fleet's agent gives them a stack for
/// signal handlers.
inline void on_thread_begin(ThreadBegin call) noexcept {
  thread_begin_now.store(call, std::memory_order_release);
}

/// Called by a thread of a node, once.
inline void begin_thread() noexcept {
  if (const auto call = thread_begin_now.load(std::memory_order_acquire)) call();
}

}  // namespace freshframe::core
