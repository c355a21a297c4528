// The runner takes samples from its inbox, and hears of sources that are gone.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/runner.hpp"
#include <cxxabi.h>

namespace freshframe::core {

Taken Runner::take(AnySample& sample) {
  set_state(NodeState::Waiting);
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
    const auto idle_at = live_ ? node_->idle_at().value_or(TimePoint::max()) : TimePoint::max();
    const auto taken = inbox_->take(sample, std::min(idle_at, next_wake()));
    if (taken == Taken::News) {
      look_at_news();
      continue;
    }
    if (taken != Taken::Nothing) return taken;
    if (core_.clock()->now() < idle_at) continue;
    if (!idle_step()) return Taken::Ended;
    set_state(NodeState::Waiting);
  }
}

bool Runner::try_take(AnySample& sample) {
  if (ticks_ && core_.clock()->now() >= next_wake()) return false;
  auto taken = inbox_->try_take(sample);
  for (; taken == Taken::News; taken = inbox_->try_take(sample)) {
    look_at_news();
    if (has_news_) return false;  // take() tells
  }
  return taken == Taken::Sample;
}

Taken Runner::take_batch(std::vector<AnySample>& samples) {
  set_state(NodeState::Waiting);
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
      node_->source_gone(gone.source);
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (...) {
      fail_now(nullptr);
    }
    end_source(gone);
  }
}

// on_time(), finish() and a node that delays its results may still give results of the source: its stream then
// ends when it is removed, or with the node's.
bool Runner::end_stamps(const GoneSource& gone) {
  if ((has_own_stream_ || outlet_.delays()) && core_.keep_end(index_, gone)) return false;
  outlet_.forget_place(gone.source);
  return true;
}

void Runner::end_source(const GoneSource& gone) {
  if (end_stamps(gone)) outlet_.end(gone);
}

}  // namespace freshframe::core
