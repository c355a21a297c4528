// The consumer's side of an inbox: which sample is the next, and the wait for it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
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
    lanes_.update_ready(lane);
  }
  if (after.gathered_at) Gathering::hear(lane, *after.gathered_at);
  lanes_.pass_turn(lane);
}

Taken Inbox::nothing_locked() const {
  return is_over_locked() || lanes_.all_ended(stop_.closed) ? Taken::Ended : Taken::Nothing;
}

bool Inbox::has_time_locked() const {
  if (call_times_ == nullptr) return true;
  const auto now = clock_->now();
  return now + to_duration(Seconds(call_times_->quantiles(Span::Recent, now).p99)) <= stop_.until;
}

bool Inbox::take_from_locked(Lane& lane, AnySample& sample, bool newest, Aftermath& after) {
  while (lane.size > 0) {
    if (newest && lane.size > 1) {
      after.dropped.push_back(lanes_.evict(lane, DropCause::Skipped));
    } else if (stale_locked(lane, lane.ring[lane.head].sample)) {
      after.dropped.push_back(lanes_.evict(lane, DropCause::Stale));
    } else {
      const auto arrival = lane.ring[lane.head].arrival;
      lanes_.pop(lane, sample);
      if (lane.rate && lane.ticks_when_taken()) lane.rate->use(lane.rate_time(sample));
      deliver_locked(lane, sample, arrival, after);
      return true;
    }
  }
  if (!lane.owes_events()) return false;
  if (stop_.closed && !has_time_locked()) {
    lane.kept.lose_all(after.dropped);
    lanes_.update_ready(lane);
    return false;
  }
  const auto arrival = lane.kept.take_newest(sample);
  ++lane.counts.passed_in;
  deliver_locked(lane, sample, arrival, after);
  lanes_.update_ready(lane);
  return true;
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
  while (!found && lanes_.any_ready()) {
    Lane& lane = lanes_.next_ready();
    const bool was_full = lane.full() || lane.producer_asleep;
    found = take_from_locked(lane, sample, newest, after);
    if (was_full) made_room_locked(lane, found ? &after : nullptr);
  }
  if (lanes_.any_finished()) lanes_.retire(stop_.closed);
  return found;
}

Taken Inbox::take_locked(AnySample& sample, bool newest, Aftermath& after) {
  if (is_over_locked()) return Taken::Ended;
  if (lanes_.has_news()) return Taken::News;
  if (take_next_locked(sample, newest, after)) return Taken::Sample;
  return lanes_.has_news() ? Taken::News : nothing_locked();
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
  const auto ready = [this, closed = stop_.closed, joins = sets_ != nullptr]() FRESHFRAME_REQUIRES(mutex_) {
    return may_go_on_locked(closed) || joins != (sets_ != nullptr);
  };
  const auto limit = stop_.closed ? std::min(deadline, stop_.until) : deadline;
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
