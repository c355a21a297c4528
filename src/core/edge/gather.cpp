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

Taken Inbox::take_batch_locked(std::vector<AnySample>& samples, const Gather& gather, Delivery& out) {
  const auto& batch = gather.batch;
  gathering_.active = false;
  if (stop_.is_over(*clock_)) return Taken::Ended;
  if (lanes_.has_news()) return Taken::News;
  while (any_waits_locked()) {  // again if all waiting samples were stale
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
    // A source whose last sample is in the batch has gone: the consumer is told after its call.
    while (samples.size() < static_cast<std::size_t>(batch.size) && !stop_.is_over(*clock_) &&
           way_out_.take_next(sample, false, out)) {
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
