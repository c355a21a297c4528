// Metering of turns.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/gil_turn.hpp"

#include <algorithm>
#include <ctime>

namespace freshframe::python {
namespace {

// Below it the processor's time is not asked for, a system call; the clock's own is close enough.
constexpr std::chrono::microseconds kShort{20};

double thread_cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

double seconds(GilTurn::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

void GilTurn::begin(Worker& worker, Clock::time_point wanted) {
  began_ = Clock::now();
  worker.meter_lock(seconds(began_ - wanted), 0);
  if (was_long_) computed_ = thread_cpu_seconds();
}

// What the thread computes in its turn keeps the GIL from others, what it sleeps does not. A turn after a
// short one is expected to be short. When it is not, what the thread computed since it was last asked counts,
// which is a little more.
void GilTurn::end(Worker& worker) {
  const auto lasted = Clock::now() - began_;
  auto held = seconds(lasted);
  was_long_ = lasted > kShort;
  if (was_long_) {
    const auto computed = thread_cpu_seconds();
    held = std::min(held, computed - computed_);
    computed_ = computed;
  }
  worker.meter_lock(0, held);
}

}  // namespace freshframe::python
