// The bounded queue: policies and waiting.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/inbox.hpp"

#include "freshframe/log.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/edge/lock_soon.hpp"

namespace freshframe::core {
namespace {

thread_local std::chrono::nanoseconds waited_so_far{};

// Does what an assignment does at half the cost: `place` usually holds nothing.
void move_to(AnySample& place, AnySample&& sample) noexcept {
  std::destroy_at(&place);
  std::construct_at(&place, std::move(sample));
}

std::int64_t picture_bytes(const AnySample& sample) noexcept {
  return sample.frame ? static_cast<std::int64_t>(sample.frame.size_bytes()) : 0;
}

}  // namespace

Inbox::Inbox(std::string consumer, std::shared_ptr<const Clock> clock)
    : consumer_(std::move(consumer)), clock_(std::move(clock)) {}

void Inbox::set_ready_hook(std::function<void()> hook) {
  auto next = hook ? std::make_shared<const std::function<void()>>(std::move(hook)) : nullptr;
  const Lock lock(mutex_);
  has_hook_.store(next != nullptr);
  hook_.swap(next);
}

void Inbox::pop_locked(Lane& lane, AnySample& sample) {
  move_to(sample, std::move(lane.ring[lane.head].sample));
  if (lane.queue.max_bytes) lane.bytes -= picture_bytes(sample);
  lane.head = lane.head + 1 == lane.ring.size() ? 0 : lane.head + 1;
  --lane.size;
  if (lane.queue.max_seconds) lane.seconds = lane.size > 0 ? lane.seconds - lane.ring[lane.head].seconds : 0;
  --queued_;
  if (lane.expected) ++room_;
  if (lane.size == 0) update_ready_locked(lane);
}

AnySample Inbox::evict_locked(Lane& lane, DropCause cause) {
  const auto arrival = lane.ring[lane.head].arrival;
  AnySample sample;
  pop_locked(lane, sample);
  drop_locked(lane, cause);
  lane.kept.keep(arrival, sample);
  if (lane.size == 0) update_ready_locked(lane);
  return sample;
}

void Inbox::push_locked(Lane& lane, AnySample&& sample) {
  auto slot = lane.head + lane.size;
  if (slot >= lane.ring.size()) slot -= lane.ring.size();
  if (lane.queue.max_bytes) lane.bytes += picture_bytes(sample);
  auto& place = lane.ring[slot];
  if (lane.queue.max_seconds) {
    place.seconds = lane.size > 0 ? lane.seconds_before(sample) : 0;
    lane.seconds += place.seconds;
    lane.newest = sample.stamp.captured;
  }
  move_to(place.sample, std::move(sample));
  place.arrival = lane.counts.passed_in;
  if (!lane.expected && !lane.ended) expect_locked(lane, true);
  ++lane.size;
  ++queued_;
  if (lane.expected) --room_;
  update_ready_locked(lane);
}

bool Inbox::full_locked(const Lane& lane, const AnySample& next) {
  if (lane.full()) return true;
  if (lane.size == 0) return false;
  const auto& queue = lane.queue;
  if (queue.max_bytes && lane.bytes + picture_bytes(next) > *queue.max_bytes) return true;
  return queue.max_seconds && lane.seconds + lane.seconds_before(next) > *queue.max_seconds;
}

void Inbox::drop_locked(Lane& lane, DropCause cause) {
  ++lane.counts.drops[static_cast<std::size_t>(cause)];
  ++lane.dropped_since;
}

bool Inbox::wait_awake_locked(const std::function<bool()>& ready, AdaptiveSpin::Spin& spin) {
  for (bool moves = true; moves && !ready();) {
    const auto seen = moves_.load(std::memory_order_relaxed);
    mutex_.unlock();
    moves = spin.until_moved(moves_, seen);
    lock_soon(mutex_);
  }
  return ready();
}

void Inbox::wait_for_room_locked(Lane& lane, std::atomic<bool>& blocked, const AnySample* last) {
  const auto ready = [&]() FRESHFRAME_REQUIRES(mutex_) {
    if (refuses_locked(last != nullptr) || lane.edge->gone || lane.edge->closing) return true;
    return last != nullptr ? !full_locked(lane, *last) : !lane.full();
  };
  if (ready()) return;
  lane.producer_waits = true;
  ++waiting_producers_;
  AdaptiveSpin::Spin spin;
  const bool sleeps = !lane.spin.worth_it() || !wait_awake_locked(ready, spin);
  auto time = spin.time();
  if (sleeps) {
    const auto began = AdaptiveSpin::Clock::now();
    blocked.store(true, std::memory_order_relaxed);
    lane.edge->room.wait(mutex_, [&]() FRESHFRAME_REQUIRES(mutex_) {
      lane.producer_asleep = !ready();  // again, when it was woken too early
      return !lane.producer_asleep;
    });
    blocked.store(false, std::memory_order_relaxed);
    time += AdaptiveSpin::Clock::now() - began;
  }
  lane.producer_waits = false;
  if (!lane.edge->gone) --waiting_producers_;
  lane.spin.waited(time, sleeps);
  waited_so_far += time;
}

std::chrono::nanoseconds Inbox::waited_for_room() noexcept {
  return waited_so_far;
}

double Inbox::rate_time(const Lane& lane, const AnySample& sample) noexcept {
  return lane.by_pts ? sample.stamp.pts : Seconds(sample.stamp.captured.time_since_epoch()).count();
}

DropCause Inbox::replaced_locked(Lane& lane, const AnySample& next) noexcept {
  const bool by_rate = lane.rate && lane.ticks_when_taken() && !lane.rate->misses(rate_time(lane, next));
  return by_rate ? DropCause::Rate : DropCause::QueueFull;
}

// Unless the sample went in, `sample` still holds it.
Inbox::Admitted Inbox::admit_locked(Lane& lane, AnySample& sample, std::atomic<bool>& blocked, bool is_last) {
  if (lane.rate && !closed_) {
    const auto time = rate_time(lane, sample);
    if (!lane.rate->is_due(time)) {
      ++lane.counts.passed_in;
      drop_locked(lane, DropCause::Rate);
      lane.kept.keep(lane.counts.passed_in, sample);
      return Admitted::Dropped;
    }
    if (!lane.ticks_when_taken()) lane.rate->use(time);
  }
  if (waits_when_full(*lane.edge, is_last) && (is_last || lane.full())) {
    wait_for_room_locked(lane, blocked, is_last ? &sample : nullptr);
    if (lane.edge->gone) return Admitted::Dropped;  // counted by remove_edge()
  }
  ++lane.counts.passed_in;  // after the wait, during which others may read the counters
  if (lane.edge->closing && !closed_) {
    drop_locked(lane, DropCause::Removed);
    lane.kept.keep(lane.counts.passed_in, sample);
    return Admitted::Dropped;
  }
  if (refuses_locked(is_last)) {
    drop_locked(lane, close_cause_);
    // This sample is of a producer that the stop found waiting for room, or at work on its last sample.
    if (!is_over_locked()) {
      lane.kept.keep(lane.counts.passed_in, sample);
    } else if (hands_over_) {
      lane.kept.lose(sample);
    }
    return Admitted::Dropped;
  }
  if (lane.queue.depth == 0 && (!waiting_ || any_waits_locked())) {
    drop_locked(lane, DropCause::NoWaiter);
    lane.kept.keep(lane.counts.passed_in, sample);
    return Admitted::Dropped;
  }
  if (full_locked(lane, sample)) return Admitted::Full;
  push_locked(lane, std::move(sample));
  return Admitted::In;
}

void Inbox::put(Edge& edge, AnySample&& sample, std::atomic<bool>& blocked, bool is_last) {
  if (drops_frames_) sample.frame = {};
  if (joins_) return put_part(edge, std::move(sample), blocked);
  bool moves = false;
  bool wake = false;
  bool first_drop = false;
  bool hurries = false;  // a batch waited for a camera that is away
  std::shared_ptr<const std::function<void()>> hook;
  std::optional<AnySample>
      evicted;  // destroyed without the mutex, as are those that the bound in bytes evicts
  std::vector<AnySample> more_evicted;
  {
    lock_soon(mutex_);
    const Lock lock(mutex_, std::adopt_lock);
    if (edge.gone) return;
    Lane* const found = lane_of(edge, sample);
    if (found == nullptr) {  // its source was removed
      ++edge.past.passed_in;
      ++edge.past.drops[static_cast<std::size_t>(DropCause::Removed)];
      return;
    }
    Lane& lane = *found;
    auto admitted = admit_locked(lane, sample, blocked, is_last);
    if (admitted == Admitted::Full) {  // the policy drops
      hurries = gathering_ && leave_out_unheard_locked();
      first_drop = !edge.reported;
      if (lane.queue.when_full == WhenFull::DropOldest) {
        const auto cause = replaced_locked(lane, sample);
        first_drop = first_drop && cause == DropCause::QueueFull;
        evicted = evict_locked(lane, cause);
        while (full_locked(lane, sample))  // by seconds or bytes
          more_evicted.push_back(evict_locked(lane, DropCause::QueueFull));
        push_locked(lane, std::move(sample));
        admitted = Admitted::In;
      } else {
        lane.newest = sample.stamp.captured;
        drop_locked(lane, DropCause::QueueFull);
        lane.kept.keep(lane.counts.passed_in, sample);
      }
      edge.reported = edge.reported || first_drop;
    }
    const bool in = admitted == Admitted::In;
    moves = in || hurries;
    wake = moves && consumer_asleep_ && (gather_size_ == 0 || queued_ >= gather_size_ || room_ == 0);
    if (edge.closing) wake = consumer_asleep_;  // it may have waited for this producer
    if (wake) consumer_asleep_ = false;
    if ((moves || edge.closing) && has_hook_.load(std::memory_order_relaxed)) hook = hook_;
  }
  if (moves) moved();
  if (wake) ready_.notify_one();
  if (hook) (*hook)();
  if (first_drop) report_first_drop(edge.options);
}

bool Inbox::would_wait(const Edge& edge, bool is_last) const {
  if (!waits_when_full(edge, is_last)) return false;
  lock_soon(mutex_);
  const Lock lock(mutex_, std::adopt_lock);
  if (edge.gone || edge.closing || (closed_ && !(takes_last_ && !is_over_locked()))) return false;
  return std::ranges::any_of(edge.lanes, [&](const auto& lane) {
    const bool is_bounded = lane->queue.max_seconds || lane->queue.max_bytes;
    return lane->full() || (is_last && is_bounded && lane->size > 0);  // the bound is known with the sample
  });
}

void Inbox::drop_as(DropCause cause) {
  const Lock lock(mutex_);
  close_cause_ = cause;
}

void Inbox::close() {
  std::vector<AnySample> dropped;
  std::shared_ptr<const std::function<void()>> hook;
  {
    const Lock lock(mutex_);
    closed_ = true;
    drained_by_ = TimePoint::min();
    moved();
    if (joins_) drop_parts_locked(true, dropped);
    for (Lane* const lane : lanes_) {
      while (lane->size > 0) {
        pop_locked(*lane, dropped.emplace_back());
        drop_locked(*lane, close_cause_);
      }
      hands_over_ ? lane->kept.lose_all(dropped) : lane->kept.clear(dropped);
      update_ready_locked(*lane);
      lane->edge->room.notify_all();
    }
    hook = hook_;
  }
  ready_.notify_all();
  if (hook) (*hook)();
}

void Inbox::close_but_for_events(TimePoint deadline) {
  std::vector<AnySample> dropped;
  std::shared_ptr<const std::function<void()>> hook;
  {
    const Lock lock(mutex_);
    if (!std::exchange(closed_, true)) drained_by_ = deadline;
    hands_over_ = true;
    moved();
    end_lanes_locked(false);
    if (joins_) drop_parts_locked(true, dropped);
    for (Lane* const lane : lanes_) {
      while (lane->size > 0) dropped.push_back(evict_locked(*lane, close_cause_));
      lane->edge->room.notify_all();
    }
    hook = hook_;
  }
  ready_.notify_all();
  if (hook) (*hook)();
}

void Inbox::close_for_new(TimePoint deadline) {
  std::vector<AnySample> dropped;
  {
    const Lock lock(mutex_);
    if (!std::exchange(closed_, true)) drained_by_ = deadline;
    hands_over_ = true;
    takes_last_ = true;
    moved();
    end_lanes_locked(true);
    if (joins_) drop_parts_locked(false, dropped);
    for (const auto& edge : edges_) edge->room.notify_all();
  }
  ready_.notify_all();
}

void Inbox::end_lanes_locked(bool keep_last) {
  for (const auto& edge : edges_) {
    const auto& options = edge->options;
    if (joins_ || (!options.events && !(keep_last && options.finishes))) end_edge_locked(*edge);
  }
}

bool Inbox::ended() const {
  const Lock lock(mutex_);
  return closed_ || (all_ended_locked() && !any_waits_locked());
}

void Inbox::report_first_drop(const EdgeOptions& edge) const {
  const auto which =
      "edge '" + edge.parent_name + "' -> '" + consumer_ + "' dropped its first sample (queue_full): ";
  if (edge.queue == kRecording) {
    const std::string who = edge.recorded ? "the recorder writes" : "the consumer takes samples";
    log(LogLevel::Warning, which + who + " more slowly than its source delivers; " +
                               (edge.way_to_be_faster.empty() ? "make it faster, or give it a longer queue="
                                                              : edge.way_to_be_faster));
    return;
  }
  const bool by_choice =  // a consumer of the newest sample needs no warning about the others
      edge.queue == kLatest || (joins_ && edge.queue.when_full == WhenFull::DropOldest);
  log(by_choice ? LogLevel::Info : LogLevel::Warning, which + "the consumer is slower than its source");
}

}  // namespace freshframe::core
