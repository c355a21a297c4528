// A value set by any thread and taken by a node's thread between two samples.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <atomic>
#include <optional>
#include <utility>

namespace freshframe::vision {

/// Only the newest value is kept. take() costs one atomic load if there is none.
template <class T>
class NextValue {
 public:
  void set(T value) {
    std::optional<T> old;  // destroyed after the mutex is released
    const Lock lock(mutex_);
    old = std::exchange(next_, std::move(value));
    is_set_.store(true, std::memory_order_release);
  }
  /// Must be called by one thread only.
  [[nodiscard]] std::optional<T> take() {
    if (!is_set_.load(std::memory_order_acquire)) return std::nullopt;
    const Lock lock(mutex_);
    is_set_.store(false, std::memory_order_relaxed);
    return std::exchange(next_, std::nullopt);
  }

 private:
  Mutex mutex_;
  std::optional<T> next_ FRESHFRAME_GUARDED_BY(mutex_);
  std::atomic<bool> is_set_{false};
};

}  // namespace freshframe::vision
