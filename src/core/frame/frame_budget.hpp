// The number of frames that the engine holds and the bytes on loan, for one pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace freshframe::core {

/// Thread-safe. Sources ask it for room before they publish; see "Frames and memory" in docs/queues.md.
class FrameBudget {
 public:
  void set_bound(int frames) noexcept { bound_.store(frames); }
  /// Room for more, or fewer, than the graph itself needs.
  void extend(int frames) noexcept;
  [[nodiscard]] int bound() const noexcept {
    return bound_.load(std::memory_order_relaxed) + extra_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] int published() const noexcept { return published_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t held_bytes() const noexcept;

  [[nodiscard]] bool has_room() const noexcept { return published_.load() < bound_.load() + extra_.load(); }
  /// Waits until has_room() or stop(); returns has_room().
  bool wait_for_room();
  void stop() noexcept;

  /// Names the possible holders of loans, such as "node 'x'": number 1 is the first. Once, before the first
  /// loan.
  void set_holders(std::vector<std::string> names);
  [[nodiscard]] bool knows(std::uint16_t holder) const noexcept {
    return holder > 0 && holder <= names_.size();
  }
  void lend(std::uint16_t holder, int handles) noexcept {
    lent_[holder - 1U].fetch_add(handles, std::memory_order_relaxed);
  }
  /// Throws FramesHeld when more than `limit` bytes are on loan and `holder` holds most of them, so that the
  /// others continue. Above twice the limit it throws for every holder.
  void check_held(std::uint16_t holder, std::size_t limit) const;

  void publish() noexcept { published_.fetch_add(1); }
  void unpublish() noexcept;
  void charge(std::ptrdiff_t bytes) noexcept { held_bytes_.fetch_add(bytes, std::memory_order_relaxed); }

 private:
  [[nodiscard]] std::uint16_t greatest_holder() const noexcept;

  std::vector<std::string> names_;            // fixed before the first loan
  std::unique_ptr<std::atomic<int>[]> lent_;  // handles, of each
  std::atomic<int> bound_{1 << 30};
  std::atomic<int> extra_{0};
  std::atomic<int> published_{0};
  std::atomic<std::ptrdiff_t> held_bytes_{0};
  std::atomic<int> waiters_{0};
  std::atomic<bool> stopped_{false};
  Mutex mutex_;
  Condition room_;
};

}  // namespace freshframe::core
