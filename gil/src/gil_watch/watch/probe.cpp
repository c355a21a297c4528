// Implements the probe.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/probe.hpp"

namespace freshframe::gil {

void Probe::ask() {
  {
    const std::lock_guard lock(mutex_);
    asked_ = true;
  }
  wake_.notify_one();
}

void Probe::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
}

void Probe::wake() {
  {
    const std::lock_guard lock(mutex_);
  }  // by now, a thread that checked just before is waiting
  wake_.notify_one();
}

Clock::time_point Probe::waiting_since() const {
  return Clock::time_point(Clock::duration(waiting_since_.load(std::memory_order_acquire)));
}

Clock::time_point Probe::taken_at() const {
  return Clock::time_point(Clock::duration(taken_at_.load(std::memory_order_acquire)));
}

void Probe::taken(Clock::time_point now) {
  taken_at_.store(now.time_since_epoch().count(), std::memory_order_release);
  waiting_since_.store(0, std::memory_order_release);
}

}  // namespace freshframe::gil
