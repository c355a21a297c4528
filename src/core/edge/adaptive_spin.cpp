// Spins with few clock readings, and learns from previous waits when to spin.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/adaptive_spin.hpp"

#include <algorithm>

namespace freshframe::core {

void relax_core() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

bool AdaptiveSpin::Spin::until_moved(const std::atomic<std::uint32_t>& moves, std::uint32_t seen) noexcept {
  for (; moves.load(std::memory_order_relaxed) == seen; relax_core()) {
    if (looks_ < kWithoutClock) {
      ++looks_;
      continue;
    }
    now_ = Clock::now();
    if (began_ == Clock::time_point{}) began_ = now_;
    if (now_ - began_ >= kLongest) return false;
  }
  return true;
}

void AdaptiveSpin::note_wait(Clock::duration time, bool slept) noexcept {
  const bool in_vain = slept && worth_it();
  if (in_vain) patience_ = std::min(2 * patience_, kMostPatience);
  if (in_vain || time > kShort) {
    short_waits_ = 0;
    return;
  }
  if (!slept) patience_ = 1;
  short_waits_ = std::min(short_waits_ + 1, kMostPatience);
}

}  // namespace freshframe::core
