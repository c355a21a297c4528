// Gathering batches: when a batch is complete, and taking it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/edge/inbox.hpp"

namespace freshframe::core {

bool Inbox::gathered_locked(const Batch& batch) const {
  if (closed_ || closes_soon_) return closed_;
  return queued_ >= static_cast<std::size_t>(batch.size) || room_ == 0;
}

void Inbox::expect_locked(Lane& lane, bool expected) {
  if (lane.expected == expected) return;
  lane.expected = expected;
  const auto room = lane.ring.size() - lane.size;
  expected ? room_ += room : room_ -= room;
}

void Inbox::hear_locked(Lane& lane, TimePoint now) {
  constexpr int kWeight = 8;  // the mean's memory, in batches
  if (lane.heard && !lane.silent && now > *lane.heard) {
    const auto gap = now - *lane.heard;
    lane.interval =
        lane.interval == TimePoint::duration{} ? gap : lane.interval + (gap - lane.interval) / kWeight;
  }
  lane.silent = false;
  lane.heard = now;
}

void Inbox::leave_out_silent_locked(TimePoint now, const Batch& batch) {
  constexpr int kIntervals = 3;
  const auto wait = to_duration(Seconds(batch.max_wait));
  if (wait <= TimePoint::duration{}) return;
  for (Lane* const lane : lanes_) {
    if (!lane->expected || lane->size > 0) continue;
    if (lane->heard && now - *lane->heard < std::max(wait, kIntervals * lane->interval)) continue;
    lane->silent = true;
    expect_locked(*lane, false);
  }
}

bool Inbox::leave_out_unheard_locked() {
  bool any = false;
  for (Lane* const lane : lanes_) {
    if (!lane->expected || lane->size > 0 || lane->heard) continue;
    lane->silent = any = true;
    expect_locked(*lane, false);
  }
  return any;
}

void Inbox::expect_close() {
  const Lock lock(mutex_);
  closes_soon_ = true;
}

Taken Inbox::take_batch_locked(std::vector<AnySample>& samples, const Batch& batch,
                               std::optional<TimePoint>& gather_until, BatchAftermath& after) {
  gathering_ = false;
  if (is_over_locked()) return Taken::Ended;
  if (has_news_locked()) return Taken::News;
  while (any_waits_locked()) {  // again if all waiting samples were stale
    if (!gathered_locked(batch)) {
      const auto now = clock_->now();
      if (!gather_until) gather_until = now + to_duration(Seconds(batch.max_wait));
      if (now < *gather_until) {
        gathering_ = true;
        return Taken::Nothing;
      }
      leave_out_silent_locked(now, batch);
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
  return has_news_locked() ? Taken::News : nothing_locked();
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
        return gathered_locked(batch) || has_news_locked();
      };
      gather_size_ = static_cast<std::size_t>(batch.size);
      in_time = sleep_locked(std::min(deadline, *gather_until), gathered) || *gather_until <= deadline;
      gather_size_ = 0;
    } else {
      const auto ready = [this, closed = closed_]()
                             FRESHFRAME_REQUIRES(mutex_) { return may_go_on_locked(closed); };
      waiting_ = true;
      in_time = wait_for_sample_locked(closed_ ? drained_by_ : deadline, ready) || closed_;
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
