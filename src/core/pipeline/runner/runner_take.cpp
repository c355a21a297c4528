// The runner takes samples and ticks, hears of sources that are gone, and ends a node's own stream.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "core/pipeline/own_counter.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/runner.hpp"
#include <cxxabi.h>

namespace freshframe::core {

Taken Runner::take(AnySample& sample) {
  meter_.set_state(NodeState::Waiting);
  for (;;) {
    if (std::exchange(has_news_, false)) return Taken::News;
    if (std::exchange(was_tick_,
                      false)) {  // a waiting sample is next: a tick may take longer than its period
      const auto taken = inbox_->try_take(sample);
      was_tick_ = taken == Taken::News;
      if (was_tick_) {
        look_at_news();
        continue;
      }
      if (taken != Taken::Nothing) return taken;
    }
    if (ticks_ && take_tick(sample)) return Taken::Nothing;
    const auto idle_at = live_ ? place_.own_node().idle_at().value_or(TimePoint::max()) : TimePoint::max();
    const auto taken = inbox_->take(sample, std::min(idle_at, next_wake()));
    if (taken == Taken::News) {
      look_at_news();
      continue;
    }
    if (taken != Taken::Nothing) return taken;
    if (clock_->now() < idle_at) continue;
    if (!idle_step()) return Taken::Ended;
    meter_.set_state(NodeState::Waiting);
  }
}

bool Runner::try_take(AnySample& sample) {
  if (ticks_ && clock_->now() >= next_wake()) return false;
  auto taken = inbox_->try_take(sample);
  for (; taken == Taken::News; taken = inbox_->try_take(sample)) {
    look_at_news();
    if (has_news_) return false;  // take() tells
  }
  return taken == Taken::Sample;
}

Taken Runner::take_batch(std::vector<AnySample>& samples) {
  meter_.set_state(NodeState::Waiting);
  for (;;) {
    if (std::exchange(has_news_, false)) return Taken::News;
    if (std::exchange(was_tick_, false)) {  // as in take()
      const auto taken = inbox_->try_take_batch(samples, next_batch(), gather_until_);
      was_tick_ = taken == Taken::News;
      if (was_tick_) {
        look_at_news();
        continue;
      }
      if (taken != Taken::Nothing) return taken;
    }
    AnySample tick;
    if (take_tick(tick)) {
      samples.clear();
      samples.push_back(std::move(tick));
      return Taken::Nothing;
    }
    const auto taken = inbox_->take_batch(samples, next_batch(), gather_until_, next_wake());
    if (taken == Taken::News) {
      look_at_news();
    } else if (taken != Taken::Nothing) {
      return taken;
    }
  }
}

void Runner::look_at_news() {
  const auto all = inbox_->take_gone();
  take_successor();
  has_news_ = returns_news_;
  for (const auto& gone : all) {
    try {
      place_.own_node().source_gone(gone.source);
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (...) {
      fail(Caught::of(std::current_exception()));
    }
    if (end_stamps(gone)) outlet_.end(gone);
  }
}

// on_time(), finish() and a node that delays its results may still give results of the source: its stream then
// ends when it is removed, or with the node's.
bool Runner::end_stamps(const GoneSource& gone) {
  if ((facts_.has_own_stream() || outlet_.delays()) && core_.keep_end(facts_.index, gone)) return false;
  outlet_.forget_place(gone.source);
  return true;
}

bool Runner::idle_step() {
  meter_.set_state(NodeState::Working);
  try {
    expect_no_lock();
    place_.own_node().idle(place_.context());
    return true;
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    return fail(Caught::of(std::current_exception()));
  }
}

bool Runner::begin_stream() {
  if (!facts_.has_own_stream()) return true;
  const auto start = core_.wait_for_start(*this);
  if (!start) return false;
  stream_.begin(*start);
  if (facts_.wake_every) ticks_.emplace(*start, to_duration(*facts_.wake_every));
  if (ticks_ && life_.is_late()) (void)ticks_->take(clock_->now());  // those before it was added are not missed
  return true;
}

TimePoint Runner::next_wake() const {
  return ticks_ && !life_.stopping() ? ticks_->next() : TimePoint::max();
}

bool Runner::take_tick(AnySample& sample) {
  if (!ticks_ || life_.stopping()) return false;
  const auto tick = ticks_->take(clock_->now());
  if (!tick) return false;
  add(ticks_called_, 1);
  add(ticks_missed_, tick->missed);
  was_tick_ = true;
  sample = own_sample(tick->at);
  return true;
}

std::optional<AnySample> Runner::begin_last() {
  if (!facts_.finishes || core_.failure().due()) return std::nullopt;
  outlet_.begin_last();
  (void)takes_last_results();  // the time that a stop leaves it has begun
  return own_sample(clock_->now());
}

bool Runner::takes_last_results() {
  return !life_.stopping() || stream_.takes_last_results();
}

}  // namespace freshframe::core
