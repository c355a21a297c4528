// The garbage collection that runs now, as the collector itself reports it.
// SPDX-License-Identifier: Apache-2.0
//
// A collection cannot be found in the stack of an interpreter whose symbols were stripped. CPython calls the
// functions in gc.callbacks at the beginning and at the end of each collection, in the thread that collects, and runs
// one collection of an interpreter at a time.
#pragma once

#include <atomic>
#include <cstdint>

namespace freshframe::gil {

/// Written with the GIL, read without it. Thread-safe.
class Collections {
 public:
  /// One per process.
  [[nodiscard]] static Collections& instance() noexcept {
    static Collections instance;
    return instance;
  }

  /// A collection begins in the thread of this thread state, below this Python frame.
  void begin(std::uintptr_t state, std::uintptr_t frame) noexcept {
    end();
    state_.store(state, std::memory_order_relaxed);
    frame_.store(frame, std::memory_order_relaxed);
    changes_.fetch_add(1, std::memory_order_release);
  }
  void end() noexcept {
    if (runs(changes_.load(std::memory_order_relaxed))) changes_.fetch_add(1, std::memory_order_acq_rel);
  }

  /// Whether a collection runs in this thread, and nothing else: in a frame further in runs Python code that the
  /// collection has called.
  [[nodiscard]] bool runs_at(std::uintptr_t state, std::uintptr_t frame) const noexcept {
    const std::uint64_t before = changes_.load(std::memory_order_acquire);
    if (!runs(before)) return false;
    const bool same =
        state_.load(std::memory_order_relaxed) == state && frame_.load(std::memory_order_relaxed) == frame;
    std::atomic_thread_fence(std::memory_order_acquire);
    return same && changes_.load(std::memory_order_relaxed) == before;
  }

 private:
  static bool runs(std::uint64_t changes) noexcept { return changes % 2 == 1; }

  std::atomic<std::uint64_t> changes_{0};  // odd while a collection runs
  std::atomic<std::uintptr_t> state_{0};
  std::atomic<std::uintptr_t> frame_{0};
};

}  // namespace freshframe::gil
