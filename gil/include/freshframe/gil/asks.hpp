// Tracks the threads that are waiting for the GIL: during finalization they never return.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/forks.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace freshframe::gil::detail {

/// Records which threads of this module are waiting for the GIL, so that join() can abandon a thread that
/// waits for it forever. Thread-safe. No thread waits for the GIL while it holds the lock. One instance per
/// module.
class __attribute__((visibility("hidden"))) AsksForGil {
 public:
  /// Returns the flag that this thread sets while it waits for the GIL.
  static std::atomic<bool>& mark_of_this_thread() {
    static thread_local Mark mark;
    return mark.asks;
  }

  /// Returns true if this thread is waiting for the GIL.
  static bool now(std::thread::id thread) {
    auto& all = instance();
    const std::lock_guard lock(all.mutex_);
    return std::ranges::any_of(all.marks_, [&](const Mark* mark) {
      return mark->thread == thread && mark->asks.load(std::memory_order_acquire);
    });
  }

 private:
  struct Mark {
    Mark() {
      auto& all = instance();
      const std::lock_guard lock(all.mutex_);
      all.marks_.push_back(this);
    }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;
    ~Mark() {
      auto& all = instance();
      const std::lock_guard lock(all.mutex_);
      std::erase(all.marks_, this);
    }
    const std::thread::id thread = std::this_thread::get_id();
    std::atomic<bool> asks{false};
  };

  static AsksForGil& instance() {
    return forks::ProcessWide<AsksForGil>::get();  // outlives every thread
  }

  std::mutex mutex_;
  forks::Hold<std::mutex> hold_{mutex_};
  std::vector<Mark*> marks_;  // guarded by mutex_
};

}  // namespace freshframe::gil::detail
