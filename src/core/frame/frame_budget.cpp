// Waiting for room in the frame budget.
// SPDX-License-Identifier: Apache-2.0
#include "core/frame/frame_budget.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/unit_text.hpp"

namespace freshframe::core {

std::size_t FrameBudget::held_bytes() const noexcept {
  // Two threads may count a loan and its return in reverse order, so the sum can be below 0 for a moment.
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, held_bytes_.load(std::memory_order_relaxed)));
}

bool FrameBudget::wait_for_room() {
  if (has_room()) return true;
  const Lock lock(mutex_);
  waiters_.fetch_add(
      1);  // before the predicate reads `published_`: unpublish() writes it, then reads `waiters_`
  room_.wait(mutex_, [&] { return has_room() || stopped_.load(); });
  waiters_.fetch_sub(1);
  return has_room();
}

void FrameBudget::stop() noexcept {
  stopped_.store(true);
  const Lock lock(mutex_);
  room_.notify_all();
}

void FrameBudget::extend(int frames) noexcept {
  extra_.fetch_add(frames);
  const Lock lock(mutex_);
  room_.notify_all();
}

void FrameBudget::unpublish() noexcept {
  published_.fetch_sub(1);
  if (waiters_.load() == 0) return;
  const Lock lock(mutex_);
  room_.notify_all();
}

void FrameBudget::set_holders(std::vector<std::string> names) {
  names.resize(std::min<std::size_t>(names.size(), std::numeric_limits<std::uint16_t>::max()));
  lent_ = std::make_unique<std::atomic<int>[]>(names.size());
  names_ = std::move(names);
}

std::uint16_t FrameBudget::greatest_holder() const noexcept {
  std::uint16_t greatest = 0;
  int most = 0;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const int lent = lent_[i].load(std::memory_order_relaxed);
    if (lent > most) {
      greatest = static_cast<std::uint16_t>(i + 1);
      most = lent;
    }
  }
  return greatest;
}

void FrameBudget::check_held(std::uint16_t holder, std::size_t limit) const {
  const auto held = held_bytes();
  if (held <= limit) return;
  const auto greatest = greatest_holder();
  const bool known = knows(holder) && greatest != 0;
  const auto lent = [&](std::uint16_t of) { return lent_[of - 1U].load(std::memory_order_relaxed); };
  if (known && lent(holder) < lent(greatest) && held / 2 <= limit) return;
  std::string text = (knows(holder) ? names_[holder - 1U] : std::string("this consumer")) +
                     " gets no more frames: " + measured_mebibytes_text(held) +
                     " of pictures are held outside the engine, the limit is " +
                     measured_mebibytes_text(limit);
  if (greatest != 0) text += "; most are held by " + names_[greatest - 1U];
  throw FramesHeld(text + ". Release frames, read with frames=False, or raise max_held_bytes");
}

}  // namespace freshframe::core
