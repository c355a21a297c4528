// Counters that one thread writes and any thread reads.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <type_traits>

namespace freshframe::core {

/// No locked instruction: only one thread may call it for a counter.
template <class T>
void add(std::atomic<T>& counter, std::type_identity_t<T> count) {
  counter.store(counter.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

}  // namespace freshframe::core
