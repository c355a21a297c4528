// The garbage collection in progress, as reported by the collector through gc.callbacks.
// SPDX-License-Identifier: Apache-2.0
//
// A collection cannot be found in the stack of an interpreter whose symbols were stripped. CPython calls the
// functions in gc.callbacks at the beginning and at the end of each collection, in the thread that collects,
// and runs one collection of an interpreter at a time.
#pragma once

#include <atomic>
#include <cstdint>

namespace freshframe::gil {

/// Written with the GIL, read without it. Thread-safe.
class Collections {
 public:
  /// The single instance of the process.
  [[nodiscard]] static Collections& instance() noexcept {
    static Collections instance;
    return instance;
  }

  /// Records that a collection starts in the thread with this thread state, called from this Python frame.
  void begin(std::uintptr_t state, std::uintptr_t frame) noexcept {
    end();
    state_.store(state, std::memory_order_relaxed);
    frame_.store(frame, std::memory_order_relaxed);
    changes_.fetch_add(1, std::memory_order_release);
  }
  void end() noexcept {
    if (runs(changes_.load(std::memory_order_relaxed))) changes_.fetch_add(1, std::memory_order_acq_rel);
  }

  /// Returns true if a collection runs in this thread and no Python code called by it: an inner frame would
  /// be that code.
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
