// The bounded queue: policies, books, waiting.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/inbox.hpp"

#include "freshframe/log.hpp"

#include <algorithm>
#include <utility>

namespace freshframe::core {
namespace {

// The mutex is held for less time than it takes to put a thread to sleep, so a short wait for it is spent
// awake.
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
  auto edge = std::make_unique<Edge>();
  edge->queue = options.queue;
  if (options.max_age) edge->max_age = to_duration(Seconds(*options.max_age));
  edge->ring.resize(static_cast<std::size_t>(std::max(1, options.queue.depth)));
  options_.push_back(std::move(options));
  ages_.push_back(std::make_unique<Histogram>());
  const Lock lock(mutex_);
  edges_.push_back(std::move(edge));
  return static_cast<int>(edges_.size()) - 1;
}

void Inbox::set_ready_hook(std::function<void()> hook) {
  auto next = hook ? std::make_shared<const std::function<void()>>(std::move(hook)) : nullptr;
  const Lock lock(mutex_);
  has_hook_.store(next != nullptr);
  hook_.swap(next);
}

AnySample Inbox::pop_locked(Edge& edge) {
  auto sample = std::move(edge.ring[edge.head]);
  if (edge.queue.max_bytes) edge.bytes -= picture_bytes(sample);
  edge.head = edge.head + 1 == edge.ring.size() ? 0 : edge.head + 1;
  --edge.size;
  return sample;
}

void Inbox::push_locked(Edge& edge, AnySample sample) {
  auto slot = edge.head + edge.size;
  if (slot >= edge.ring.size()) slot -= edge.ring.size();
  if (edge.queue.max_bytes) edge.bytes += picture_bytes(sample);
  edge.ring[slot] = std::move(sample);
  ++edge.size;
}

bool Inbox::full_locked(const Edge& edge, const AnySample& next) {
  if (full_locked(edge)) return true;
  if (edge.size == 0) return false;
  const auto& queue = edge.queue;
  if (queue.max_bytes && edge.bytes + picture_bytes(next) > *queue.max_bytes) return true;
  const auto& oldest = edge.ring[edge.head];
  return queue.max_seconds &&
         Seconds(next.stamp.captured - oldest.stamp.captured).count() > *queue.max_seconds;
}

bool Inbox::drop_locked(Edge& edge, DropCause cause) {
  ++edge.drops[static_cast<std::size_t>(cause)];
  ++edge.dropped_since;
  return cause == DropCause::QueueFull && !std::exchange(edge.reported, true);
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

void Inbox::wait_for_room_locked(Edge& edge, std::atomic<bool>& blocked) {
  const auto ready = [&]() FRESHFRAME_REQUIRES(mutex_) { return closed_ || !full_locked(edge); };
  if (ready()) return;
  const auto began = AdaptiveSpin::Clock::now();
  const bool sleeps = !edge.spin.worth_it() || !wait_awake_locked(ready);
  if (sleeps) {
    blocked.store(true, std::memory_order_relaxed);
    edge.producer_asleep = true;
    edge.room.wait(mutex_, ready);
    edge.producer_asleep = false;
    blocked.store(false, std::memory_order_relaxed);
  }
  edge.spin.waited(AdaptiveSpin::Clock::now() - began, sleeps);
}

// Unless the sample went in, `sample` still holds it.
Inbox::Admitted Inbox::admit_locked(Edge& edge, AnySample& sample, std::atomic<bool>& blocked) {
  if (edge.queue.when_full == WhenFull::Block) wait_for_room_locked(edge, blocked);
  ++edge.passed_in;  // after the wait, which lets others look at the books
  if (closed_) {
    drop_locked(edge, DropCause::Stop);
    return Admitted::Dropped;
  }
  if (edge.queue.depth == 0 && !(waiting_ && edge.size == 0)) {
    drop_locked(edge, DropCause::NoWaiter);
    return Admitted::Dropped;
  }
  if (full_locked(edge, sample)) return Admitted::Full;
  push_locked(edge, std::move(sample));
  return Admitted::In;
}

void Inbox::put(int edge_index, AnySample sample, std::atomic<bool>& blocked) {
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
    Edge& edge = *edges_[index];
    auto admitted = admit_locked(edge, sample, blocked);
    if (admitted == Admitted::Full) {  // the policy drops
      first_drop = drop_locked(edge, DropCause::QueueFull);
      if (edge.queue.when_full == WhenFull::DropOldest) {
        evicted = pop_locked(edge);
        while (full_locked(edge, sample)) {  // by seconds or bytes
          drop_locked(edge, DropCause::QueueFull);
          more_evicted.push_back(pop_locked(edge));
        }
        push_locked(edge, std::move(sample));
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
  return !closed_ && full_locked(*edges_[index]);
}

void Inbox::end(int edge_index) {
  std::shared_ptr<const std::function<void()>> hook;
  {
    const Lock lock(mutex_);
    edges_[static_cast<std::size_t>(edge_index)]->ended = true;
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
    for (auto& edge : edges_) {
      while (edge->size > 0) {
        dropped.push_back(pop_locked(*edge));
        drop_locked(*edge, DropCause::Stop);
      }
      edge->room.notify_all();
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
    for (auto& edge : edges_) edge->room.notify_all();
  }
  ready_.notify_all();
}

bool Inbox::stale_locked(const Edge& edge, const AnySample& sample) const {
  return edge.max_age && clock_->now() - sample.stamp.captured > *edge.max_age;
}

void Inbox::deliver_locked(std::size_t index, AnySample& sample) {
  Edge& edge = *edges_[index];
  ++edge.delivered;
  sample.dropped = std::exchange(edge.dropped_since, 0);
  next_edge_ = index + 1 == edges_.size() ? 0 : index + 1;
}

Taken Inbox::take_locked(AnySample& sample, bool newest, Aftermath& after) {
  if (closed_ && clock_->now() >= drained_by_) return Taken::Ended;
  for (std::size_t step = 0; step < edges_.size(); ++step) {
    const auto index = (next_edge_ + step) % edges_.size();
    Edge& edge = *edges_[index];
    const bool was_full = full_locked(edge);
    bool found = false;
    while (edge.size > 0 && !found) {
      auto candidate = pop_locked(edge);
      if (newest && edge.size > 0) {
        drop_locked(edge, DropCause::Skipped);
        after.dropped.push_back(std::move(candidate));
      } else if (stale_locked(edge, candidate)) {
        drop_locked(edge, DropCause::Stale);
        after.dropped.push_back(std::move(candidate));
      } else {
        sample = std::move(candidate);
        deliver_locked(index, sample);
        after.edge = index;
        found = true;
      }
    }
    if (was_full) moved_locked();
    if (was_full && edge.producer_asleep) edge.room.notify_one();
    if (found) return Taken::Sample;
  }
  return closed_ || all_ended_locked() ? Taken::Ended : Taken::Nothing;
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
    if (!after.dropped.empty()) {  // stale ones: a wait may be long, their pictures are freed before it
      lock.unlock();
      after.dropped.clear();
      lock.lock();
    }
    waiting_ = true;
    const auto ready = [&]() FRESHFRAME_REQUIRES(mutex_) {
      return closed_ || all_ended_locked() ||
             std::any_of(edges_.begin(), edges_.end(), [](const auto& edge) { return edge->size > 0; });
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
  return std::all_of(edges_.begin(), edges_.end(), [](const auto& edge) { return edge->ended; });
}

bool Inbox::ended() const {
  const Lock lock(mutex_);
  return closed_ || (all_ended_locked() && std::all_of(edges_.begin(), edges_.end(),
                                                       [](const auto& edge) { return edge->size == 0; }));
}

std::vector<EdgeStats> Inbox::stats() const {
  std::vector<EdgeStats> result(options_.size());
  {
    const Lock lock(mutex_);
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      const Edge& edge = *edges_[i];
      result[i].passed_in = edge.passed_in;
      result[i].delivered = edge.delivered;
      result[i].waiting = edge.size;
      for (std::size_t cause = 0; cause < edge.drops.size(); ++cause) {
        if (edge.drops[cause] == 0) continue;
        result[i].drops[static_cast<DropCause>(cause)] = edge.drops[cause];
        result[i].dropped += edge.drops[cause];
      }
    }
  }
  for (std::size_t i = 0; i < options_.size(); ++i) {
    result[i].parent = options_[i].parent_name;
    result[i].child = consumer_;
    result[i].queue = options_[i].queue;
    const auto age = ages_[i]->quantiles();
    result[i].age_p50 = age.p50;
    result[i].age_p99 = age.p99;
  }
  return result;
}

std::uint64_t Inbox::delivered() const {
  const Lock lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& edge : edges_) sum += edge->delivered;
  return sum;
}

std::optional<std::string> Inbox::full_blocking_parent() const {
  const Lock lock(mutex_);
  if (closed_) return std::nullopt;
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    if (edges_[i]->queue.when_full == WhenFull::Block && full_locked(*edges_[i]))
      return options_[i].parent_name;
  }
  return std::nullopt;
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
      edge.queue == kLatest;  // whoever takes the newest only wants no warning about the others
  log(by_choice ? LogLevel::Info : LogLevel::Warning, which + "the consumer is slower than its source");
}

}  // namespace freshframe::core
