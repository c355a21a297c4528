// The bounded queue: policies and waiting.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/inbox.hpp"

#include "freshframe/log.hpp"

#include <algorithm>
#include <utility>

namespace freshframe::core {
namespace {

// The mutex is held for a shorter time than a thread needs to go to sleep, so a short wait for it is a spin.
void lock_soon(Mutex& mutex) FRESHFRAME_ACQUIRES(mutex) {
  constexpr int kTries = 64;
  for (int i = 0; i < kTries; ++i) {
    if (mutex.try_lock()) return;
    relax_core();
  }
  mutex.lock();
}

std::int64_t picture_bytes(const AnySample& sample) noexcept {
  return sample.frame ? static_cast<std::int64_t>(sample.frame.size_bytes()) : 0;
}

}  // namespace

Inbox::Inbox(std::string consumer, std::shared_ptr<const Clock> clock)
    : consumer_(std::move(consumer)), clock_(std::move(clock)) {}

int Inbox::add_edge(EdgeOptions options) {
  const auto index = options_.size();
  const auto count = std::max<std::size_t>(1, options.sources.size());
  const Lock lock(mutex_);
  lanes_of_.push_back({lanes_.size(), count});
  for (std::size_t i = 0; i < count; ++i) {
    auto lane = std::make_unique<Lane>();
    lane->edge = index;
    lane->queue = options.queue;
    if (options.max_age) lane->max_age = to_duration(Seconds(*options.max_age));
    lane->ring.resize(static_cast<std::size_t>(std::max(1, options.queue.depth)));
    lanes_.push_back(std::move(lane));
  }
  reported_.push_back(false);
  options_.push_back(std::move(options));
  ages_.push_back(std::make_unique<Histogram>());
  return static_cast<int>(index);
}

Inbox::Lane& Inbox::lane_of(std::size_t edge, const AnySample& sample) {
  const auto [first, count] = lanes_of_[edge];
  if (count == 1) return *lanes_[first];
  const auto& sources = options_[edge].sources;
  const auto found = std::lower_bound(sources.begin(), sources.end(), sample.stamp.source);
  const auto lane = static_cast<std::size_t>(found - sources.begin());
  return *lanes_[first + std::min(lane, count - 1)];
}

void Inbox::set_ready_hook(std::function<void()> hook) {
  auto next = hook ? std::make_shared<const std::function<void()>>(std::move(hook)) : nullptr;
  const Lock lock(mutex_);
  has_hook_.store(next != nullptr);
  hook_.swap(next);
}

AnySample Inbox::pop_locked(Lane& lane) {
  auto sample = std::move(lane.ring[lane.head]);
  if (lane.queue.max_bytes) lane.bytes -= picture_bytes(sample);
  lane.head = lane.head + 1 == lane.ring.size() ? 0 : lane.head + 1;
  --lane.size;
  return sample;
}

void Inbox::push_locked(Lane& lane, AnySample&& sample) {
  auto slot = lane.head + lane.size;
  if (slot >= lane.ring.size()) slot -= lane.ring.size();
  if (lane.queue.max_bytes) lane.bytes += picture_bytes(sample);
  lane.ring[slot] = std::move(sample);
  ++lane.size;
}

bool Inbox::full_locked(const Lane& lane, const AnySample& next) {
  if (full_locked(lane)) return true;
  if (lane.size == 0) return false;
  const auto& queue = lane.queue;
  if (queue.max_bytes && lane.bytes + picture_bytes(next) > *queue.max_bytes) return true;
  const auto& oldest = lane.ring[lane.head];
  return queue.max_seconds &&
         Seconds(next.stamp.captured - oldest.stamp.captured).count() > *queue.max_seconds;
}

void Inbox::drop_locked(Lane& lane, DropCause cause) {
  ++lane.drops[static_cast<std::size_t>(cause)];
  ++lane.dropped_since;
}

bool Inbox::wait_awake_locked(const std::function<bool()>& ready) {
  const auto seen = moves_.load(std::memory_order_relaxed);
  mutex_.unlock();
  AdaptiveSpin::spin(moves_, seen);
  lock_soon(mutex_);
  return ready();
}

void Inbox::moved_locked() noexcept {
  moves_.store(moves_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void Inbox::wait_for_room_locked(Lane& lane, std::atomic<bool>& blocked) {
  const auto ready = [&]() FRESHFRAME_REQUIRES(mutex_) { return closed_ || !full_locked(lane); };
  if (ready()) return;
  const auto began = AdaptiveSpin::Clock::now();
  const bool sleeps = !lane.spin.worth_it() || !wait_awake_locked(ready);
  if (sleeps) {
    blocked.store(true, std::memory_order_relaxed);
    lane.producer_asleep = true;
    lane.room.wait(mutex_, ready);
    lane.producer_asleep = false;
    blocked.store(false, std::memory_order_relaxed);
  }
  lane.spin.waited(AdaptiveSpin::Clock::now() - began, sleeps);
}

// Unless the sample went in, `sample` still holds it.
Inbox::Admitted Inbox::admit_locked(Lane& lane, AnySample& sample, std::atomic<bool>& blocked) {
  if (lane.queue.when_full == WhenFull::Block) wait_for_room_locked(lane, blocked);
  ++lane.passed_in;  // after the wait, during which others may read the counters
  if (closed_) {
    drop_locked(lane, DropCause::Stop);
    return Admitted::Dropped;
  }
  if (lane.queue.depth == 0 && (!waiting_ || any_waits_locked())) {
    drop_locked(lane, DropCause::NoWaiter);
    return Admitted::Dropped;
  }
  if (full_locked(lane, sample)) return Admitted::Full;
  push_locked(lane, std::move(sample));
  return Admitted::In;
}

void Inbox::put(int edge_index, AnySample&& sample, std::atomic<bool>& blocked) {
  const auto index = static_cast<std::size_t>(edge_index);
  if (drops_frames_) sample.frame = {};
  bool wake = false;
  bool first_drop = false;
  std::shared_ptr<const std::function<void()>> hook;
  AnySample evicted;  // destroyed without the mutex, as are those that the bound in bytes evicts
  std::vector<AnySample> more_evicted;
  {
    lock_soon(mutex_);
    const Lock lock(mutex_, std::adopt_lock);
    Lane& lane = lane_of(index, sample);
    auto admitted = admit_locked(lane, sample, blocked);
    if (admitted == Admitted::Full) {  // the policy drops
      first_drop = !reported_[index];
      reported_[index] = true;
      drop_locked(lane, DropCause::QueueFull);
      if (lane.queue.when_full == WhenFull::DropOldest) {
        evicted = pop_locked(lane);
        while (full_locked(lane, sample)) {  // by seconds or bytes
          drop_locked(lane, DropCause::QueueFull);
          more_evicted.push_back(pop_locked(lane));
        }
        push_locked(lane, std::move(sample));
        admitted = Admitted::In;
      }
    }
    const bool in = admitted == Admitted::In;
    wake = in && consumer_asleep_;
    if (in) moved_locked();
    if (in && has_hook_.load(std::memory_order_relaxed)) hook = hook_;
  }
  if (wake) ready_.notify_one();
  if (hook) (*hook)();
  if (first_drop) report_first_drop(options_[index]);
}

bool Inbox::would_wait(int edge_index) const {
  const auto index = static_cast<std::size_t>(edge_index);
  if (options_[index].queue.when_full != WhenFull::Block) return false;
  lock_soon(mutex_);
  const Lock lock(mutex_, std::adopt_lock);
  if (closed_) return false;
  const auto [first, count] = lanes_of_[index];
  for (auto i = first; i < first + count; ++i) {
    if (full_locked(*lanes_[i])) return true;
  }
  return false;
}

void Inbox::end(int edge_index) {
  std::shared_ptr<const std::function<void()>> hook;
  {
    const Lock lock(mutex_);
    const auto [first, count] = lanes_of_[static_cast<std::size_t>(edge_index)];
    for (auto i = first; i < first + count; ++i) lanes_[i]->ended = true;
    moved_locked();
    hook = hook_;
  }
  ready_.notify_all();
  if (hook) (*hook)();
}

void Inbox::close() {
  std::vector<AnySample> dropped;
  std::shared_ptr<const std::function<void()>> hook;
  {
    const Lock lock(mutex_);
    closed_ = true;
    moved_locked();
    for (auto& lane : lanes_) {
      while (lane->size > 0) {
        dropped.push_back(pop_locked(*lane));
        drop_locked(*lane, DropCause::Stop);
      }
      lane->room.notify_all();
    }
    hook = hook_;
  }
  ready_.notify_all();
  if (hook) (*hook)();
}

void Inbox::close_for_new(TimePoint deadline) {
  {
    const Lock lock(mutex_);
    if (!std::exchange(closed_, true)) drained_by_ = deadline;
    moved_locked();
    for (auto& lane : lanes_) lane->room.notify_all();
  }
  ready_.notify_all();
}

bool Inbox::stale_locked(const Lane& lane, const AnySample& sample) const {
  return lane.max_age && clock_->now() - sample.stamp.captured > *lane.max_age;
}

void Inbox::deliver_locked(std::size_t index, AnySample& sample) {
  Lane& lane = *lanes_[index];
  ++lane.delivered;
  sample.dropped = std::exchange(lane.dropped_since, 0);
  next_lane_ = index + 1 == lanes_.size() ? 0 : index + 1;
}

Taken Inbox::nothing_locked() const {
  return closed_ || all_ended_locked() ? Taken::Ended : Taken::Nothing;
}

Taken Inbox::take_locked(AnySample& sample, bool newest, Aftermath& after) {
  if (closed_ && clock_->now() >= drained_by_) return Taken::Ended;
  for (std::size_t step = 0; step < lanes_.size(); ++step) {
    const auto index = (next_lane_ + step) % lanes_.size();
    Lane& lane = *lanes_[index];
    const bool was_full = full_locked(lane);
    bool found = false;
    while (lane.size > 0 && !found) {
      auto candidate = pop_locked(lane);
      if (newest && lane.size > 0) {
        drop_locked(lane, DropCause::Skipped);
        after.dropped.push_back(std::move(candidate));
      } else if (stale_locked(lane, candidate)) {
        drop_locked(lane, DropCause::Stale);
        after.dropped.push_back(std::move(candidate));
      } else {
        sample = std::move(candidate);
        deliver_locked(index, sample);
        after.edge = lane.edge;
        found = true;
      }
    }
    if (was_full) moved_locked();
    if (was_full && lane.producer_asleep) lane.room.notify_one();
    if (found) return Taken::Sample;
  }
  return nothing_locked();
}

Taken Inbox::finish_take(Taken taken, const AnySample& sample, const Aftermath& after) {
  if (taken == Taken::Sample) ages_[after.edge]->add(Seconds(clock_->now() - sample.stamp.captured).count());
  return taken;
}

Taken Inbox::take(AnySample& sample, TimePoint deadline) {
  Aftermath after;
  lock_soon(mutex_);
  Lock lock(mutex_, std::adopt_lock);
  auto taken = take_locked(sample, false, after);
  while (taken == Taken::Nothing) {
    if (!after.dropped.empty()) {  // stale ones: their pictures are freed before a wait, which may be long
      lock.unlock();
      after.dropped.clear();
      lock.lock();
    }
    waiting_ = true;
    const auto ready = [&]() FRESHFRAME_REQUIRES(mutex_) {
      return closed_ || all_ended_locked() || any_waits_locked();
    };
    const bool in_time = wait_for_sample_locked(deadline, ready);
    waiting_ = false;
    taken = take_locked(sample, false, after);
    if (!in_time) break;
  }
  lock.unlock();
  return finish_take(taken, sample, after);
}

// Returns ready(); false: the deadline has passed.
bool Inbox::wait_for_sample_locked(TimePoint deadline, const std::function<bool()>& ready) {
  if (deadline == TimePoint::min()) return ready();
  const auto began = AdaptiveSpin::Clock::now();
  const bool sleeps = !spin_.worth_it() || !wait_awake_locked(ready);
  if (sleeps) {
    consumer_asleep_ = true;
    const bool in_time = ready() || ready_.wait_until(mutex_, *clock_, deadline, ready);
    consumer_asleep_ = false;
    if (!in_time) return false;
  }
  spin_.waited(AdaptiveSpin::Clock::now() - began, sleeps);
  return true;
}

void Inbox::arm(bool waits) {
  const Lock lock(mutex_);
  waiting_ = waits;
}

Taken Inbox::try_take(AnySample& sample) {
  Aftermath after;
  lock_soon(mutex_);
  Lock lock(mutex_, std::adopt_lock);
  const auto taken = take_locked(sample, false, after);
  lock.unlock();
  return finish_take(taken, sample, after);
}

Taken Inbox::take_newest(AnySample& sample) {
  Aftermath after;
  lock_soon(mutex_);
  Lock lock(mutex_, std::adopt_lock);
  const auto taken = take_locked(sample, true, after);
  lock.unlock();
  return finish_take(taken, sample, after);
}

bool Inbox::all_ended_locked() const {
  return std::all_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->ended; });
}

bool Inbox::any_waits_locked() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->size > 0; });
}

bool Inbox::ended() const {
  const Lock lock(mutex_);
  return closed_ || (all_ended_locked() && !any_waits_locked());
}

void Inbox::report_first_drop(const EdgeOptions& edge) const {
  const auto which =
      "edge '" + edge.parent_name + "' -> '" + consumer_ + "' dropped its first sample (queue_full): ";
  if (edge.queue == kRecording) {
    log(LogLevel::Warning, which +
                               "the recorder writes more slowly than its source delivers; give it smaller "
                               "frames, a faster preset or a faster disk");
    return;
  }
  const bool by_choice =
      edge.queue == kLatest;  // a consumer of the newest sample needs no warning about the others
  log(by_choice ? LogLevel::Info : LogLevel::Warning, which + "the consumer is slower than its source");
}

}  // namespace freshframe::core
