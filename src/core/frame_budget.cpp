// Waiting for room in the frame budget.
// SPDX-License-Identifier: Apache-2.0
#include "core/frame_budget.hpp"

#include <algorithm>

namespace freshframe {

std::size_t FrameBudget::held_bytes() const noexcept {
  // Two threads may book a loan and its return in the other order, so the sum can be below 0 for a moment.
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, held_bytes_.load(std::memory_order_relaxed)));
}

bool FrameBudget::wait_for_room() {
  if (has_room()) return true;
  std::unique_lock lock(mutex_);
  waiters_.fetch_add(
      1);  // before the predicate reads `published_`: unpublish() writes it, then reads `waiters_`
  room_.wait(lock, [&] { return has_room() || stopped_.load(); });
  waiters_.fetch_sub(1);
  return has_room();
}

void FrameBudget::stop() noexcept {
  stopped_.store(true);
  const std::lock_guard lock(mutex_);
  room_.notify_all();
}

void FrameBudget::extend(int frames) noexcept {
  extra_.fetch_add(frames);
  const std::lock_guard lock(mutex_);
  room_.notify_all();
}

void FrameBudget::unpublish() noexcept {
  published_.fetch_sub(1);
  if (waiters_.load() == 0) return;
  const std::lock_guard lock(mutex_);
  room_.notify_all();
}

}  // namespace freshframe
