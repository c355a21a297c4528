// The consumer's side of an inbox: which sample is the next, and the wait for it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <utility>

#include "core/edge/inbox.hpp"
#include "core/edge/lock_soon.hpp"

namespace freshframe::core {

bool Inbox::stale_locked(const Lane& lane, const AnySample& sample) const {
  return lane.max_age && clock_->now() - sample.stamp.captured > *lane.max_age;
}

void Inbox::deliver_locked(Lane& lane, AnySample& sample, std::uint64_t arrival, Aftermath& after) {
  ++lane.counts.delivered;
  sample.dropped = std::exchange(lane.dropped_since, 0);
  after.edge = lane.edge;
  finishing_.store(true, std::memory_order_relaxed);
  after.events.clear();
  if (!lane.kept.empty() && sample.value) {
    lane.kept.move_older(arrival, sample.value.get()->type(), after.events, after.dropped);
    update_ready_locked(lane);
  }
  if (after.gathered_at) hear_locked(lane, *after.gathered_at);
  const auto next = lane.index + 1 == lanes_.size() ? 0 : lane.index + 1;
  if (next_lane_ != next) next_lane_ = next;
}

Taken Inbox::nothing_locked() const {
  return is_over_locked() || all_ended_locked() ? Taken::Ended : Taken::Nothing;
}

bool Inbox::has_time_locked() const {
  if (call_times_ == nullptr) return true;
  const auto now = clock_->now();
  return now + to_duration(Seconds(call_times_->quantiles(Span::Recent, now).p99)) <= drained_by_;
}

bool Inbox::take_from_locked(Lane& lane, AnySample& sample, bool newest, Aftermath& after) {
  while (lane.size > 0) {
    if (newest && lane.size > 1) {
      after.dropped.push_back(evict_locked(lane, DropCause::Skipped));
    } else if (stale_locked(lane, lane.ring[lane.head].sample)) {
      after.dropped.push_back(evict_locked(lane, DropCause::Stale));
    } else {
      const auto arrival = lane.ring[lane.head].arrival;
      pop_locked(lane, sample);
      if (lane.rate && lane.ticks_when_taken()) lane.rate->use(rate_time(lane, sample));
      deliver_locked(lane, sample, arrival, after);
      return true;
    }
  }
  if (!lane.owes_events()) return false;
  if (closed_ && !has_time_locked()) {
    lane.kept.lose_all(after.dropped);
    update_ready_locked(lane);
    return false;
  }
  const auto arrival = lane.kept.take_newest(sample);
  ++lane.counts.passed_in;
  deliver_locked(lane, sample, arrival, after);
  update_ready_locked(lane);
  return true;
}

Lane& Inbox::next_ready_locked() {
  constexpr std::size_t kBits = 64;
  auto word = next_lane_ / kBits;
  auto bits = ready_bits_[word] & (~std::uint64_t{0} << (next_lane_ % kBits));
  while (bits == 0) {
    word = word + 1 == ready_bits_.size() ? 0 : word + 1;
    bits = ready_bits_[word];
  }
  return *lanes_[word * kBits + static_cast<std::size_t>(std::countr_zero(bits))];
}

// A producer that wakes while the mutex is held would wait again, for it. It is notified once: until it is awake, there is
// room for it.
void Inbox::made_room_locked(Lane& lane, Aftermath* after) {
  const bool asleep = std::exchange(lane.producer_asleep, false);
  if (after == nullptr || (asleep && after->wakes != nullptr)) {
    moved();
    if (asleep) lane.edge->room.notify_one();
    return;
  }
  after->made_room = true;
  if (asleep) after->wakes = lane.edge;
}

void Inbox::tell_producer(const Aftermath& after) noexcept {
  if (!after.made_room) return;
  moved();
  if (after.wakes != nullptr) after.wakes->room.notify_one();
}

bool Inbox::take_next_locked(AnySample& sample, bool newest, Aftermath& after) {
  bool found = false;
  while (!found && ready_lanes_ > 0) {
    Lane& lane = next_ready_locked();
    const bool was_full = lane.full() || lane.producer_asleep;
    found = take_from_locked(lane, sample, newest, after);
    if (was_full) made_room_locked(lane, found ? &after : nullptr);
  }
  if (!finished_.empty()) retire_locked();
  return found;
}

Taken Inbox::take_locked(AnySample& sample, bool newest, Aftermath& after) {
  if (is_over_locked()) return Taken::Ended;
  if (has_news_locked()) return Taken::News;
  if (take_next_locked(sample, newest, after)) return Taken::Sample;
  return has_news_locked() ? Taken::News : nothing_locked();
}

Taken Inbox::finish_take(Taken taken, AnySample& sample, const Aftermath& after) {
  tell_producer(after);
  if (!after.events.empty()) sample.value = sample.value.get()->with_events_of(after.events);
  if (taken != Taken::Sample) return taken;
  taken_at_ = clock_->now();
  after.edge->age.add(Seconds(taken_at_ - sample.stamp.captured).count(), taken_at_);
  finishing_.store(false, std::memory_order_release);
  return taken;
}

Taken Inbox::take(AnySample& sample, TimePoint deadline) {
  if (joins_) return take_set(sample, deadline);
  Aftermath after;
  lock_soon(mutex_);
  Lock lock(mutex_, std::adopt_lock);
  auto taken = take_locked(sample, false, after);
  for (bool waits = true; waits && taken == Taken::Nothing;) {
    waits = wait_to_take_locked(after.dropped, deadline);
    taken = take_locked(sample, false, after);
  }
  lock.unlock();
  return finish_take(taken, sample, after);
}

bool Inbox::wait_to_take_locked(std::vector<AnySample>& dropped, TimePoint deadline) {
  if (!dropped.empty()) {  // their pictures are freed before a wait, which may be long
    mutex_.unlock();
    dropped.clear();
    mutex_.lock();
  }
  waiting_ = true;
  const auto ready = [this, closed = closed_, joins = sets_ != nullptr]() FRESHFRAME_REQUIRES(mutex_) {
    return may_go_on_locked(closed) || joins != (sets_ != nullptr);
  };
  const auto limit = closed_ ? std::min(deadline, drained_by_) : deadline;
  const auto until = std::min(limit, next_look_locked());
  const bool in_time = wait_for_sample_locked(until, ready);
  waiting_ = false;
  return in_time || until < limit;
}

// Returns ready(); false: the deadline has passed.
bool Inbox::wait_for_sample_locked(TimePoint deadline, const std::function<bool()>& ready) {
  if (deadline == TimePoint::min()) return ready();
  AdaptiveSpin::Spin spin;
  const bool sleeps = !spin_.worth_it() || !wait_awake_locked(ready, spin);
  auto time = spin.time();
  if (sleeps) {
    const auto began = AdaptiveSpin::Clock::now();
    if (!sleep_locked(deadline, ready)) return false;
    time += AdaptiveSpin::Clock::now() - began;
  }
  spin_.waited(time, sleeps);
  return true;
}

bool Inbox::sleep_locked(TimePoint deadline, const std::function<bool()>& ready) {
  const auto awake = [&]() FRESHFRAME_REQUIRES(mutex_) {
    consumer_asleep_ = !ready();  // again, when it was woken too early
    return !consumer_asleep_;
  };
  const bool in_time = awake() || ready_.wait_until(mutex_, *clock_, deadline, awake);
  consumer_asleep_ = false;
  return in_time;
}

void Inbox::arm(bool waits) {
  const Lock lock(mutex_);
  waiting_ = waits;
}

Taken Inbox::try_take(AnySample& sample) {
  return take_now(sample, false);
}

Taken Inbox::take_newest(AnySample& sample) {
  return take_now(sample, true);
}

Taken Inbox::take_now(AnySample& sample, bool newest) {
  if (joins_) return take_set_now(sample, newest);
  Aftermath after;
  lock_soon(mutex_);
  Lock lock(mutex_, std::adopt_lock);
  const auto taken = take_locked(sample, newest, after);
  lock.unlock();
  return finish_take(taken, sample, after);
}

}  // namespace freshframe::core
