// Gathering batches: for which lanes a batch waits, when it is complete, and taking it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/edge/inbox.hpp"

namespace freshframe::core {

void Gathering::hear(Lane& lane, TimePoint now) noexcept {
  constexpr int kWeight = 8;  // the mean's memory, in batches
  if (lane.heard && !lane.silent && now > *lane.heard) {
    const auto gap = now - *lane.heard;
    lane.interval =
        lane.interval == TimePoint::duration{} ? gap : lane.interval + (gap - lane.interval) / kWeight;
  }
  lane.silent = false;
  lane.heard = now;
}

void Gathering::leave_out_silent(std::span<Lane* const> lanes, TimePoint now, const Batch& batch) {
  constexpr int kIntervals = 3;
  const auto wait = to_duration(Seconds(batch.max_wait));
  if (wait <= TimePoint::duration{}) return;
  for (Lane* const lane : lanes) {
    if (!lane->expected || lane->size > 0) continue;
    if (lane->heard && now - *lane->heard < std::max(wait, kIntervals * lane->interval)) continue;
    lane->silent = true;
    room_.expect(*lane, false);
  }
}

bool Gathering::leave_out_unheard(std::span<Lane* const> lanes) {
  if (!active) return false;
  bool any = false;
  for (Lane* const lane : lanes) {
    if (!lane->expected || lane->size > 0 || lane->heard) continue;
    lane->silent = any = true;
    room_.expect(*lane, false);
  }
  return any;
}

Taken Inbox::take_batch_locked(std::vector<AnySample>& samples, const Batch& batch,
                               std::optional<TimePoint>& gather_until, BatchAftermath& after) {
  gathering_.active = false;
  if (is_over_locked()) return Taken::Ended;
  if (lanes_.has_news()) return Taken::News;
  while (any_waits_locked()) {  // again if all waiting samples were stale
    if (!gathering_.is_complete(batch, stop_)) {
      const auto now = clock_->now();
      if (!gather_until) gather_until = now + to_duration(Seconds(batch.max_wait));
      if (now < *gather_until) {
        gathering_.active = true;
        return Taken::Nothing;
      }
      gathering_.leave_out_silent(lanes_.all(), now, batch);
    }
    AnySample sample;
    after.latest.gathered_at = clock_->now();
    const auto waited = Seconds(batch.max_wait);
    gathered_for_ = gather_until ? Seconds(*after.latest.gathered_at - *gather_until) + waited : Seconds{};
    // A source whose last sample is in the batch has gone: the consumer is told after its call.
    while (samples.size() < static_cast<std::size_t>(batch.size) && !is_over_locked() &&
           take_next_locked(sample, false, after.latest)) {
      if (!after.latest.events.empty())
        after.absorbed.push_back({samples.size(), std::exchange(after.latest.events, {})});
      samples.push_back(std::move(sample));
      after.edges.push_back(after.latest.edge);
    }
    gather_until.reset();
    if (!samples.empty()) return Taken::Sample;
  }
  gather_until.reset();
  return lanes_.has_news() ? Taken::News : nothing_locked();
}

Taken Inbox::finish_batch(Taken taken, std::vector<AnySample>& samples, const BatchAftermath& after) {
  tell_producer(after.latest);
  for (const auto& [index, events] : after.absorbed) {
    auto& value = samples[index].value;
    value = value.get()->with_events_of(events);
  }
  if (taken != Taken::Sample) return taken;
  taken_at_ = *after.latest.gathered_at;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    after.edges[i]->age.add(Seconds(taken_at_ - samples[i].stamp.captured).count(), taken_at_);
  }
  finishing_.store(false, std::memory_order_release);
  return taken;
}

Taken Inbox::take_batch(std::vector<AnySample>& samples, const Batch& batch,
                        std::optional<TimePoint>& gather_until, TimePoint deadline) {
  samples.clear();
  BatchAftermath after;
  Lock lock(mutex_);
  auto taken = take_batch_locked(samples, batch, gather_until, after);
  while (taken == Taken::Nothing) {
    if (!after.latest.dropped
             .empty()) {  // stale ones: their pictures are freed before a wait, which may be long
      lock.unlock();
      after.latest.dropped.clear();
      lock.lock();
    }
    bool in_time = true;
    if (gather_until) {
      const auto gathered = [&]() FRESHFRAME_REQUIRES(mutex_) {
        return gathering_.is_complete(batch, stop_) || lanes_.has_news();
      };
      gathering_.size = static_cast<std::size_t>(batch.size);
      in_time = sleep_locked(std::min(deadline, *gather_until), gathered) || *gather_until <= deadline;
      gathering_.size = 0;
    } else {
      const auto ready = [this, closed = stop_.closed]()
                             FRESHFRAME_REQUIRES(mutex_) { return may_go_on_locked(closed); };
      waiting_ = true;
      in_time = wait_for_sample_locked(stop_.closed ? stop_.until : deadline, ready) || stop_.closed;
      waiting_ = false;
    }
    taken = take_batch_locked(samples, batch, gather_until, after);
    if (!in_time) break;
  }
  lock.unlock();
  return finish_batch(taken, samples, after);
}

Taken Inbox::try_take_batch(std::vector<AnySample>& samples, const Batch& batch,
                            std::optional<TimePoint>& gather_until) {
  samples.clear();
  BatchAftermath after;
  Lock lock(mutex_);
  const auto taken = take_batch_locked(samples, batch, gather_until, after);
  lock.unlock();
  return finish_batch(taken, samples, after);
}

}  // namespace freshframe::core
