// Decides when a node is called (for a sample, a batch or a tick) and when its runner has other work.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/pipeline.hpp"
#include "freshframe/sample.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"
#include "core/pipeline/runner/node_facts.hpp"
#include "core/pipeline/runner/own_counter.hpp"
#include "core/pipeline/runner/tick_grid.hpp"

namespace freshframe::core {

/// Never calls the node: the runner acts on the returned Turn. Only for the node's thread, unless noted
/// otherwise.
class Intake {
 public:
  /// News: call Runner::look_at_news(), then take again. HostNews: notify the node's host. Idle: `idle_at`
  /// was reached. Tick: see tick().
  enum class Turn : std::uint8_t { Sample, Tick, Ended, News, HostNews, Idle };

  /// No ticks once `stop` is requested.
  Intake(const NodeFacts& facts, Inbox& inbox, const Clock& clock, std::stop_token stop)
      : facts_(facts),
        inbox_(inbox),
        clock_(clock),
        stop_(std::move(stop)),
        max_wait_(facts.batch ? facts.batch->max_wait : 0) {}
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  /// Starts the node's clock. With `is_late`, ticks before now do not count as missed.
  void begin_stream(TimePoint start, bool is_late);

  // ---- samples
  Turn take(AnySample& sample, TimePoint idle_at);
  /// Gathers up to next_batch().size samples.
  Turn take_batch(std::vector<AnySample>& samples);
  /// Returns true if a sample may be taken now because no tick is due.
  [[nodiscard]] bool samples_are_next() const { return !ticks_ || clock_.now() < next_wake(); }
  /// Returns the batch to gather next. Only for nodes with a batch. Thread-safe.
  [[nodiscard]] Batch next_batch() const noexcept {
    return {facts_.batch->size, max_wait_.load(std::memory_order_relaxed)};
  }
  /// Thread-safe.
  void set_max_wait(double seconds) noexcept { max_wait_.store(seconds, std::memory_order_relaxed); }
  /// Returns true if the node is downstream of a live source. Set before its thread takes the first sample.
  [[nodiscard]] bool is_live() const noexcept { return live_; }
  void set_live(bool live) noexcept { live_.store(live, std::memory_order_relaxed); }
  /// The runner's number among the holders of loans. Set before its thread starts.
  [[nodiscard]] std::uint16_t holder() const noexcept { return holder_; }
  void set_holder(std::uint16_t holder) noexcept { holder_ = holder; }

  // ---- ticks

  /// Returns whether a tick is due; if so, counts it, and tick() returns its time.
  [[nodiscard]] bool take_tick();
  /// Returns the time of the last tick.
  [[nodiscard]] TimePoint tick() const noexcept { return tick_; }
  [[nodiscard]] TimePoint next_wake() const {
    if (!ticks_ || stop_.stop_requested()) return TimePoint::max();
    return before_tick_.empty() ? ticks_->next() : TimePoint{};
  }
  /// Thread-safe, as is ticks_missed().
  [[nodiscard]] std::uint64_t ticks_called() const noexcept {
    return ticks_called_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t ticks_missed() const noexcept {
    return ticks_missed_.load(std::memory_order_relaxed);
  }

  // ---- sources that have ended, whose last results come with the next tick

  /// Defers the end of a source until after a tick; the node itself has already been notified. That tick is
  /// due immediately or, if the whole input has ended, is called at the end of the node. Returns false if the
  /// node has no clock.
  [[nodiscard]] bool keep_until_tick(const GoneSource& gone);
  [[nodiscard]] bool has_sources_behind_tick() const noexcept { return !behind_tick_.empty(); }
  /// Returns the sources that were deferred before the last tick.
  [[nodiscard]] std::vector<GoneSource> take_sources_behind_tick() { return std::exchange(behind_tick_, {}); }

  // ---- news

  /// Makes take() and take_batch() also return HostNews after the end of a source and after Inbox::wake(),
  /// for a host that has work to do then. Call before the first take.
  void return_news(bool returns) noexcept { returns_news_ = returns; }
  /// Call after the runner has handled news, to pass it on to the host. `is_hosted`: the current node belongs
  /// to a host.
  void keep_for_host(bool is_hosted) noexcept { has_news_ = returns_news_ || is_hosted; }
  [[nodiscard]] bool has_host_news() const noexcept { return has_news_; }

 private:
  /// A waiting sample comes right after a tick, even if there was news in between.
  [[nodiscard]] Turn after_tick(Taken taken) noexcept {
    was_tick_ = taken == Taken::News;
    return choose_turn(taken);
  }
  [[nodiscard]] static Turn choose_turn(Taken taken) noexcept {
    return taken == Taken::Sample ? Turn::Sample : taken == Taken::News ? Turn::News : Turn::Ended;
  }

  const NodeFacts& facts_;
  Inbox& inbox_;
  const Clock& clock_;
  const std::stop_token stop_;
  std::atomic<double> max_wait_;  // seconds
  std::atomic<bool> live_{false};
  std::uint16_t holder_ = 0;
  std::optional<TickGrid> ticks_;
  TimePoint tick_{};
  std::vector<GoneSource> before_tick_;  // if not empty, a tick is due outside the regular schedule
  std::vector<GoneSource> behind_tick_;
  bool was_tick_ = false;                  // the last take returned a tick
  std::optional<TimePoint> gather_until_;  // see Inbox::take_batch()
  bool returns_news_ = false;
  bool has_news_ = false;  // there is news that must be passed on to the host
  std::atomic<std::uint64_t> ticks_called_{0};
  std::atomic<std::uint64_t> ticks_missed_{0};
};

inline void Intake::begin_stream(TimePoint start, bool is_late) {
  if (!facts_.tick_every) return;
  ticks_.emplace(start, to_duration(*facts_.tick_every));
  if (is_late) (void)ticks_->take(clock_.now());
}

inline bool Intake::take_tick() {
  if (!ticks_ || stop_.stop_requested()) return false;
  const auto now = clock_.now();
  const auto tick = ticks_->take(now);
  if (!tick && (before_tick_.empty() || has_ended(inbox_))) return false;
  add(ticks_called_, 1);
  if (tick) add(ticks_missed_, tick->missed);
  was_tick_ = true;
  tick_ = tick ? tick->at : now;
  if (!before_tick_.empty()) behind_tick_ = std::exchange(before_tick_, {});
  return true;
}

inline bool Intake::keep_until_tick(const GoneSource& gone) {
  if (!ticks_) return false;
  before_tick_.push_back(gone);
  return true;
}

inline Intake::Turn Intake::take(AnySample& sample, TimePoint idle_at) {
  if (std::exchange(has_news_, false)) return Turn::HostNews;
  if (std::exchange(was_tick_, false)) {  // so that slow ticks leave room for samples
    const auto taken = inbox_.take(sample, kWithoutWait);
    if (taken != Taken::Nothing) return after_tick(taken);
  }
  for (;;) {
    if (ticks_ && take_tick()) return Turn::Tick;
    const auto taken = inbox_.take(sample, std::min(idle_at, next_wake()));
    if (taken != Taken::Nothing) return choose_turn(taken);
    if (clock_.now() >= idle_at) return Turn::Idle;
  }
}

inline Intake::Turn Intake::take_batch(std::vector<AnySample>& samples) {
  if (std::exchange(has_news_, false)) return Turn::HostNews;
  if (std::exchange(was_tick_, false)) {  // see take()
    const auto taken = inbox_.take_batch(samples, next_batch(), gather_until_, kWithoutWait);
    if (taken != Taken::Nothing) return after_tick(taken);
  }
  for (;;) {
    if (take_tick()) return Turn::Tick;
    const auto taken = inbox_.take_batch(samples, next_batch(), gather_until_, next_wake());
    if (taken != Taken::Nothing) return choose_turn(taken);
  }
}

}  // namespace freshframe::core
