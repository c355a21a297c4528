// Counters with one writer thread and any number of readers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <type_traits>

namespace freshframe::core {

/// Cheaper than an atomic addition, since only one thread may call it for a given counter.
template <class T>
void add(std::atomic<T>& counter, std::type_identity_t<T> count) {
  counter.store(counter.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

}  // namespace freshframe::core
