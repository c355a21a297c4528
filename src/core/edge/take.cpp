// Taking samples and batches from an inbox: which ones are next, and waiting for them.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"
#include "core/edge/lock_soon.hpp"

namespace freshframe::core {

void WayOut::deliver(Lane& lane, AnySample& sample, std::uint64_t arrival, Delivery& out) {
  ++lane.counts.delivered;
  sample.dropped = std::exchange(lane.dropped_since, 0);
  auto& origin = out.add(*lane.edge);
  if (!lane.kept.empty() && sample.value) {
    lane.kept.move_older(arrival, sample.value.get()->type(), origin.events, out.dropped_samples());
    lanes_.update_ready(lane);
  }
  if (out.gathered_at) Gathering::hear(lane, *out.gathered_at);
  lanes_.pass_turn(lane);
}

bool WayOut::has_time() const {
  if (call_times_ == nullptr) return true;
  const auto now = clock_.now();
  return now + to_duration(Seconds(call_times_->quantiles(Span::Recent, now).p99)) <= stop_.until;
}

bool WayOut::take_from(Lane& lane, AnySample& sample, bool newest, Delivery& out) {
  while (lane.size > 0) {
    if (newest && lane.size > 1) {
      out.dropped_samples().push_back(lanes_.evict(lane, DropCause::Skipped));
    } else if (is_stale(lane, lane.ring[lane.head].sample)) {
      out.dropped_samples().push_back(lanes_.evict(lane, DropCause::Stale));
    } else {
      const auto arrival = lane.ring[lane.head].arrival;
      lanes_.pop(lane, sample);
      if (lane.rate && lane.ticks_when_taken()) lane.rate->use(lane.rate_time(sample));
      deliver(lane, sample, arrival, out);
      return true;
    }
  }
  if (!lane.owes_events()) return false;
  if (stop_.closed && !has_time()) {
    lane.kept.lose_all(out.dropped_samples());
    lanes_.update_ready(lane);
    return false;
  }
  const auto arrival = lane.kept.take_newest(sample);
  ++lane.counts.passed_in;
  deliver(lane, sample, arrival, out);
  lanes_.update_ready(lane);
  return true;
}

bool WayOut::take_next(AnySample& sample, Delivery& out) {
  bool found = false;
  while (!found && lanes_.any_ready()) {
    Lane& lane = lanes_.next_ready();
    const bool was_full = lane.full() || lane.producer_asleep;
    found = take_from(lane, sample, false, out);
    if (was_full) out.give_room(lane);
  }
  if (lanes_.any_finished()) lanes_.retire(stop_.closed);
  return found;
}

void WayOut::skip_all(Lane& lane, Delivery& out) {
  if (lane.size == 0) return;
  const bool was_full = lane.full() || lane.producer_asleep;
  while (lane.size > 0) out.dropped_samples().push_back(lanes_.evict(lane, DropCause::Skipped));
  if (was_full) out.give_room(lane);
}

// Capture times of all sources are on the same clock, unlike their `pts`.
bool WayOut::take_newest(AnySample& sample, int source, TimePoint captured, Delivery& out) {
  bool found = false;
  while (!found && lanes_.any_ready()) {
    Lane& newest = lanes_.newest_ready();
    for (Lane* const lane : lanes_.all()) {
      if (lane != &newest) skip_all(*lane, out);
    }
    const auto* const stamp = newest.size > 0 ? &newest.last().stamp : nullptr;
    if (stamp != nullptr && stamp->source != source && stamp->captured < captured) {
      skip_all(newest, out);
      continue;
    }
    const bool was_full = newest.full() || newest.producer_asleep;
    found = take_from(newest, sample, true, out);
    if (was_full) out.give_room(newest);
  }
  if (lanes_.any_finished()) lanes_.retire(stop_.closed);
  return found;
}

Taken Inbox::nothing_locked() {
  if (lanes_.has_news()) return Taken::News;
  if (!stop_.is_over(*clock_) && !lanes_.all_ended(stop_.closed)) return Taken::Nothing;
  lanes_.tell_end();
  return Taken::Ended;
}

Taken Inbox::take_locked(AnySample& sample, const Pick& pick, Delivery& out) {
  if (stop_.is_over(*clock_)) return Taken::Ended;
  if (lanes_.has_news()) return Taken::News;
  const bool taken = joins_        ? sets_ && sets_->take(pick.newest, out)
                     : pick.newest ? way_out_.take_newest(sample, pick.source, pick.captured, out)
                                   : way_out_.take_next(sample, out);
  if (taken) {
    finishing_.store(true, std::memory_order_relaxed);
    return Taken::Sample;
  }
  tell_producers(out);
  return nothing_locked();
}

// Flattened because all of this runs for every sample, and function calls would take a tenth of the time. A
// lock-checking build compiles more files together, and flattening would inline half of them.
#ifndef FRESHFRAME_CHECK_LOCKS
[[gnu::flatten]]
#endif
Taken Inbox::take(AnySample& sample, TimePoint deadline, const Pick& pick) {
  Delivery out;
  lock_soon(mutex_);
  Lock lock(mutex_, std::adopt_lock);
  auto taken = take_locked(sample, pick, out);
  for (bool waits = deadline != kWithoutWait; waits && taken == Taken::Nothing;) {
    waits = wait_to_take_locked(out, deadline, nullptr);
    taken = take_locked(sample, pick, out);
  }
  lock.unlock();
  return finish(taken, {&sample, 1}, out);
}

// The edges are kept alive until finishing_ is false again, and so are those of the producers. Producers are
// woken only now, since with the mutex held they would immediately have to wait for it.
Taken Inbox::finish(Taken taken, std::span<AnySample> samples, Delivery& out) {
  if (taken != Taken::Sample) return taken;
  tell_producers(out);
  taken_at_ = out.gathered_at ? *out.gathered_at : clock_->now();
  if (joins_) {
    samples.front() = join_parts(out, taken_at_);
  } else {
    for (std::size_t i = 0; i < samples.size(); ++i) out.complete(i, samples[i], taken_at_);
  }
  finishing_.store(false, std::memory_order_release);
  return taken;
}

void Inbox::tell_producers(Aftermath& after) noexcept {
  if (!std::exchange(after.made_room, false)) return;
  note_move();
  if (after.wakes != nullptr) std::exchange(after.wakes, nullptr)->room.notify_one();
  if (!after.rest) return;
  for (Edge* const edge : std::exchange(after.rest->also_wakes, {})) edge->room.notify_one();
}

bool Inbox::wait_to_take_locked(Delivery& out, TimePoint deadline, const Gather* gather) {
  // Free the frames of dropped samples before a wait that may be long.
  if (out.rest && !out.rest->dropped.empty()) {
    mutex_.unlock();
    out.rest->dropped.clear();
    mutex_.lock();
  }
  if (gather != nullptr && gather->until) {
    const auto gathered = [&]() FRESHFRAME_REQUIRES(mutex_) {
      return gathering_.is_complete(gather->batch, stop_) || lanes_.has_news();
    };
    gathering_.size = static_cast<std::size_t>(gather->batch.size);
    const bool in_time = sleep_locked(std::min(deadline, *gather->until), gathered);
    gathering_.size = 0;
    return in_time || *gather->until <= deadline;
  }
  const auto ready = [this, closed = stop_.closed, joins = sets_ != nullptr]() FRESHFRAME_REQUIRES(mutex_) {
    return stop_.closed != closed || lanes_.all_ended(stop_.closed) || any_waits_locked() ||
           lanes_.has_news() || joins != (sets_ != nullptr);
  };
  const auto limit = stop_.limit(deadline);
  const auto until = sets_ ? std::min(limit, sets_->next_look()) : limit;
  waiting_ = true;
  const bool in_time = wait_for_sample_locked(until, ready);
  waiting_ = false;
  return in_time || until < limit;
}

bool Inbox::wait_for_sample_locked(TimePoint deadline, const std::function<bool()>& ready) {
  AdaptiveSpin::Spin spin;
  const bool sleeps = !spin_.worth_it() || !wait_awake_locked(ready, spin);
  auto time = spin.time();
  if (sleeps) {
    const auto began = AdaptiveSpin::Clock::now();
    if (!sleep_locked(deadline, ready)) return false;
    time += AdaptiveSpin::Clock::now() - began;
  }
  spin_.note_wait(time, sleeps);
  return true;
}

bool Inbox::sleep_locked(TimePoint deadline, const std::function<bool()>& ready) {
  const auto awake = [&]() FRESHFRAME_REQUIRES(mutex_) {
    consumer_asleep_ = !ready();  // reset if the consumer was woken too early
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

Taken Inbox::take_batch_locked(std::vector<AnySample>& samples, const Gather& gather, Delivery& out) {
  const auto& batch = gather.batch;
  gathering_.active = false;
  if (stop_.is_over(*clock_)) return Taken::Ended;
  if (lanes_.has_news()) return Taken::News;
  while (any_waits_locked()) {  // repeat if all queued samples were stale
    const auto now = clock_->now();
    if (!gathering_.is_complete(batch, stop_)) {
      if (!gather.until) gather.until = now + to_duration(Seconds(batch.max_wait));
      if (now < *gather.until) {
        gathering_.active = true;
        tell_producers(out);
        return Taken::Nothing;
      }
      gathering_.leave_out_silent(lanes_.all(), now, batch);
    }
    AnySample sample;
    out.gathered_at = now;
    gathered_for_ = gather.until ? Seconds(now - *gather.until) + Seconds(batch.max_wait) : Seconds{};
    // If the last sample of a source is in this batch, the source is gone; the consumer is notified after its
    // call.
    while (samples.size() < static_cast<std::size_t>(batch.size) && !stop_.is_over(*clock_) &&
           way_out_.take_next(sample, out)) {
      samples.push_back(std::move(sample));
    }
    gather.until.reset();
    if (samples.empty()) continue;
    finishing_.store(true, std::memory_order_relaxed);
    return Taken::Sample;
  }
  gather.until.reset();
  tell_producers(out);
  return nothing_locked();
}

Taken Inbox::take_batch(std::vector<AnySample>& samples, const Batch& batch,
                        std::optional<TimePoint>& gather_until, TimePoint deadline) {
  samples.clear();
  const Gather gather{batch, gather_until};
  Delivery out;
  Lock lock(mutex_);
  auto taken = take_batch_locked(samples, gather, out);
  for (bool waits = deadline != kWithoutWait; waits && taken == Taken::Nothing;) {
    waits = wait_to_take_locked(out, deadline, &gather);
    taken = take_batch_locked(samples, gather, out);
  }
  lock.unlock();
  return finish(taken, samples, out);
}

}  // namespace freshframe::core
