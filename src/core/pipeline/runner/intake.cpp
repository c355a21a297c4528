// The order of what a node is called for: news, a sample after a tick, a tick that is due, the next sample.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/runner/intake.hpp"

#include <algorithm>

#include "core/pipeline/own_counter.hpp"

namespace freshframe::core {

void Intake::begin(TimePoint start, bool is_late) {
  if (!facts_.wake_every) return;
  ticks_.emplace(start, to_duration(*facts_.wake_every));
  if (is_late) (void)ticks_->take(clock_.now());
}

bool Intake::take_tick() {
  if (!ticks_ || stop_.stop_requested()) return false;
  const auto tick = ticks_->take(clock_.now());
  if (!tick) return false;
  add(ticks_called_, 1);
  add(ticks_missed_, tick->missed);
  was_tick_ = true;
  tick_ = tick->at;
  return true;
}

Intake::Turn Intake::take(AnySample& sample, TimePoint idle_at) {
  if (std::exchange(has_news_, false)) return Turn::HostNews;
  if (std::exchange(was_tick_, false)) {  // a waiting sample is next: a tick may take longer than its period
    if (const auto taken = inbox_.try_take(sample); taken != Taken::Nothing) return after_tick(taken);
  }
  for (;;) {
    if (ticks_ && take_tick()) return Turn::Tick;
    const auto taken = inbox_.take(sample, std::min(idle_at, next_wake()));
    if (taken != Taken::Nothing) return turn_of(taken);
    if (clock_.now() >= idle_at) return Turn::Idle;
  }
}

Intake::Turn Intake::take_batch(std::vector<AnySample>& samples) {
  if (std::exchange(has_news_, false)) return Turn::HostNews;
  if (std::exchange(was_tick_, false)) {  // as in take()
    const auto taken = inbox_.try_take_batch(samples, next_batch(), gather_until_);
    if (taken != Taken::Nothing) return after_tick(taken);
  }
  for (;;) {
    if (take_tick()) return Turn::Tick;
    const auto taken = inbox_.take_batch(samples, next_batch(), gather_until_, next_wake());
    if (taken != Taken::Nothing) return turn_of(taken);
  }
}

}  // namespace freshframe::core
