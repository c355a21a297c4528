// Limits samples per second, evenly spaced by the samples' own timestamps.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/rate.hpp"

#include <algorithm>

namespace freshframe::core {
namespace {

constexpr double kOfNewest = 1.0 / 16;  // weight of the newest interval in the mean
constexpr double kPause = 1;            // seconds, plus kTicksOfPause ticks: a longer interval is a pause
constexpr double kTicksOfPause = 4;
// Missed ticks are made up for over this many of the source's intervals. With 20 % loss at the source the
// rate is then at most 0.5 % too low; with 2 intervals it would be 2 %, with 1 interval 5 %.
constexpr double kIntervalsMadeUp = 4;
// In seconds. If a timestamp is earlier than the last one by more than this, the clock was changed.
constexpr double kReordered = 1;
constexpr double kPicturesReordered = 4;  // the same limit in frames; the longer one applies

}  // namespace

void Rate::follow(double time) noexcept {
  if (last_ && time < *last_ - std::max(kReordered, kPicturesReordered * mean_)) {
    tick_.reset();
    last_.reset();
  }
  const double interval = last_ ? time - *last_ : 0;
  if (interval > 0 && interval < kTicksOfPause * step_ + kPause) {
    mean_ = mean_ > 0 ? mean_ + (interval - mean_) * kOfNewest : interval;
  }
  last_ = last_ ? std::max(*last_, time) : time;
}

double Rate::earliness() const noexcept {
  return std::min(mean_, step_) / 2;
}

bool Rate::reach_tick(double time) noexcept {
  follow(time);
  if (!tick_) tick_ = missed_ = time;
  return time >= *tick_ - earliness();
}

/// After a gap, only ticks of the last so many seconds are made up for.
double Rate::made_up() const noexcept {
  return std::max(step_, kIntervalsMadeUp * mean_);
}

void Rate::use(double time) noexcept {
  tick_ = std::max(tick_.value_or(time), time - made_up()) + step_;
  missed_ = std::max(*tick_, time + step_);  // ticks that are made up for cannot be missed
}

bool Rate::misses(double time) noexcept {
  if (time < missed_ + step_ - earliness()) return false;
  missed_ = std::max(missed_, time - step_) + step_;
  return true;
}

}  // namespace freshframe::core
