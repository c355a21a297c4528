// Putting samples into an inbox, waiting for room, and changing its edges.
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

bool waits_when_full(const Edge& edge, bool is_last) noexcept {
  return edge.options.queue.blocks() || (is_last && edge.options.recorded);
}

void report_first_drop(const EdgeSetup& edge, const std::string& consumer, bool joins) {
  const auto which =
      "edge '" + edge.parent_name + "' -> '" + consumer + "' dropped its first sample (queue_full): ";
  if (edge.queue == kRecording) {
    const std::string who = edge.recorded ? "the recorder writes" : "the consumer takes samples";
    log(LogLevel::Warning, which + who + " more slowly than its source delivers; " +
                               (edge.way_to_be_faster.empty() ? "make it faster, or pass a longer queue="
                                                              : edge.way_to_be_faster));
    return;
  }
  log(skips_when_full(edge.queue, joins) ? LogLevel::Info : LogLevel::Warning,
      which + "the consumer is slower than its source");
}

}  // namespace

Inbox::Inbox(std::string consumer, std::shared_ptr<const Clock> clock, bool drops_frames)
    : consumer_(std::move(consumer)),
      clock_(std::move(clock)),
      drops_frames_(drops_frames),
      way_out_(lanes_, stop_, *clock_) {}

void Inbox::serve_node(const Timings* call_times) {
  const Lock lock(mutex_);
  lanes_.report_gone();
  way_out_.set_call_times(call_times);
}

void Inbox::set_ready_hook(std::function<void()> hook) {
  auto next = hook ? std::make_shared<const std::function<void()>>(std::move(hook)) : nullptr;
  const Lock lock(mutex_);
  has_hook_.store(next != nullptr);
  hook_.swap(next);
}

void Inbox::change(Tells whom, const std::function<bool(Aftermath&)>& what) {
  Aftermath after;
  std::shared_ptr<const std::function<void()>> hook;
  {
    const Lock lock(mutex_);
    if (!what(after)) return;
    tell_producers(after);
    note_move();
    if (whom == Tells::AlsoHook) hook = hook_;
  }
  ready_.notify_all();
  if (hook) (*hook)();
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
    if (stop_.refuses(*clock_, last != nullptr) || lane.edge->gone || lane.edge->closing) return true;
    return last != nullptr ? !lane.full_for(*last) : !lane.full();
  };
  if (ready()) return;
  lanes_.begin_wait(lane);
  AdaptiveSpin::Spin spin;
  const bool sleeps = !lane.spin.worth_it() || !wait_awake_locked(ready, spin);
  auto time = spin.time();
  if (sleeps) {
    const auto began = AdaptiveSpin::Clock::now();
    blocked.store(true, std::memory_order_relaxed);
    lane.edge->room.wait(mutex_, [&]() FRESHFRAME_REQUIRES(mutex_) {
      lane.producer_asleep = !ready();  // true again if the producer was woken too early
      return !lane.producer_asleep;
    });
    blocked.store(false, std::memory_order_relaxed);
    time += AdaptiveSpin::Clock::now() - began;
  }
  lanes_.end_wait(lane);
  lane.spin.note_wait(time, sleeps);
  waited_so_far += time;
}

std::chrono::nanoseconds waited_for_room() noexcept {
  return waited_so_far;
}

// `sample` is left untouched unless it was admitted. Inline, like the next function, because put() calls both
// for every sample.
inline Inbox::Admitted Inbox::admit_locked(Lane& lane, AnySample& sample, std::atomic<bool>& blocked,
                                           bool is_last) {
  if (!stop_.closed && !lane.lets_pass(sample)) {
    ++lane.counts.passed_in;
    lane.drop(DropCause::Rate);
    lane.kept.keep(lane.counts.passed_in, sample);
    return Admitted::Dropped;
  }
  if (waits_when_full(*lane.edge, is_last) && (is_last || lane.full())) {
    wait_for_room_locked(lane, blocked, is_last ? &sample : nullptr);
    if (lane.edge->gone) return Admitted::Dropped;  // remove_edge() has counted it
  }
  ++lane.counts.passed_in;  // counted after the wait, because others may read the counters during it
  if (lane.edge->closing && !stop_.closed) {
    lane.drop(DropCause::Removed);
    lane.kept.keep(lane.counts.passed_in, sample);
    return Admitted::Dropped;
  }
  if (stop_.refuses(*clock_, is_last)) {
    lane.drop(stop_.cause);
    // The producer was waiting for room, or working on its last sample, when the stop came.
    if (!stop_.is_over(*clock_)) {
      lane.kept.keep(lane.counts.passed_in, sample);
    } else if (stop_.hands_over) {
      lane.kept.lose(sample);
    }
    return Admitted::Dropped;
  }
  if (lane.queue.depth == 0 && (!waiting_ || any_waits_locked())) {
    lane.drop(DropCause::NoWaiter);
    lane.kept.keep(lane.counts.passed_in, sample);
    return Admitted::Dropped;
  }
  if (lane.full_for(sample)) return Admitted::Full;
  lanes_.push(lane, std::move(sample));
  return Admitted::In;
}

inline void Inbox::put_sample_locked(Edge& edge, AnySample& sample, bool is_last, PutSample& put) {
  Lane* const found = Lanes::choose_lane(edge, sample);
  if (found == nullptr) {  // the sample's source has been removed
    ++edge.past.passed_in;
    ++edge.past.drops[static_cast<std::size_t>(DropCause::Removed)];
    return;
  }
  Lane& lane = *found;
  auto admitted = admit_locked(lane, sample, put.blocked, is_last);
  bool hurries = false;              // whether a batch was waiting for a disconnected camera
  if (admitted == Admitted::Full) {  // the queue is full, so its policy drops a sample
    hurries = gathering_.leave_out_unheard(lanes_.all());
    bool is_slow = true;
    if (lane.queue.when_full == WhenFull::DropOldest) {
      const auto cause = lane.replaced_by(sample);
      is_slow = cause == DropCause::QueueFull;
      put.evicted = lanes_.evict(lane, cause);
      while (lane.full_for(sample))  // more than one if max_seconds or max_bytes is exceeded
        put.dropped_samples().push_back(lanes_.evict(lane, DropCause::QueueFull));
      lanes_.push(lane, std::move(sample));
      admitted = Admitted::In;
    } else {
      lane.newest = sample.stamp.captured;
      lane.drop(DropCause::QueueFull);
      lane.kept.keep(lane.counts.passed_in, sample);
    }
    put.is_first_drop = is_slow && !std::exchange(edge.reported, true);
  }
  put.moves = admitted == Admitted::In || hurries;
  put.wakes_consumer =
      put.moves && (gathering_.size == 0 || room_.queued >= gathering_.size || room_.left == 0);
}

void Inbox::put_part_locked(Edge& edge, AnySample& sample, PutSample& put) {
  Lane& lane = *edge.lanes.front();
  if (lane.queue.blocks()) wait_for_room_locked(lane, put.blocked, nullptr);
  if (!edge.gone) {  // remove_edge() has already counted the sample of a removed edge
    put.moves = put.wakes_consumer = sets_->put(lane, std::move(sample), put, put.warning);
  }
  if (!edge.reported && lane.counts.drops[static_cast<std::size_t>(DropCause::QueueFull)] > 0)
    edge.reported = put.is_first_drop = true;
  tell_producers(put);
}

void Inbox::put(Edge& edge, AnySample&& sample, std::atomic<bool>& blocked, bool is_last) {
  if (drops_frames_) sample.frame = {};
  PutSample put(blocked);
  bool wake = false;
  std::shared_ptr<const std::function<void()>> hook;
  {
    lock_soon(mutex_);
    const Lock lock(mutex_, std::adopt_lock);
    if (edge.gone) return;
    joins_ ? put_part_locked(edge, sample, put) : put_sample_locked(edge, sample, is_last, put);
    if (edge.closing) put.moves = put.wakes_consumer = true;  // the consumer may be waiting for this producer
    wake = consumer_asleep_ && put.wakes_consumer;
    if (wake) consumer_asleep_ = false;
    if (put.moves && has_hook_.load(std::memory_order_relaxed)) hook = hook_;
  }
  if (put.moves) note_move();
  if (wake) ready_.notify_one();
  if (hook) (*hook)();
  if (put.is_first_drop) report_first_drop(edge.options, consumer_, joins_);
  if (put.warning) log(LogLevel::Warning, "join '" + consumer_ + "': " + *put.warning);
}

bool Inbox::would_wait(const Edge& edge, bool is_last) const {
  const bool last = is_last && !joins_;  // a join treats all samples of its parents alike
  if (!waits_when_full(edge, last)) return false;
  lock_soon(mutex_);
  const Lock lock(mutex_, std::adopt_lock);
  if (edge.gone || edge.closing || stop_.refuses(*clock_, last)) return false;
  return std::ranges::any_of(edge.lanes, [&](const auto& lane) {
    const bool is_bounded = lane->queue.max_seconds || lane->queue.max_bytes;
    // These limits depend on the next sample, which is not known here, so any queued sample may mean a wait.
    return lane->full() || (last && is_bounded && lane->size > 0);
  });
}

EdgeRef Inbox::add_edge(EdgeSetup options) {
  const Lock lock(mutex_);
  return lanes_.add_edge(std::move(options));
}

EdgeStats Inbox::remove_edge(const EdgeRef& edge) {
  std::vector<EdgeRef> retired;
  std::optional<EdgeStats> stats;
  change(Tells::AlsoHook, [&](Aftermath& after) FRESHFRAME_REQUIRES(mutex_) {
    if (edge->gone) return false;
    if (sets_) sets_->forget(*edge, after);
    lanes_.empty_edge(*edge, after.dropped_samples());
    edge->room.notify_all();
    if (sets_) sets_->end_edge(*edge, after);
    stats = read_counts(*edge);
    lanes_.forget_edge(edge, stop_.closed);
    if (!finishing_.load(std::memory_order_acquire)) retired.swap(retired_);
    retired_.push_back(edge);
    return true;
  });
  if (!stats) return {};  // already removed
  describe(*edge, *stats, Span::WholeRun, clock_->now());
  stats->child = consumer_;
  return *std::move(stats);
}

void Inbox::add_source(Edge& edge, const SourceStream& stream) {
  const Lock lock(mutex_);
  lanes_.add_source(edge, stream);
  if (sets_) sets_->begin_edge(edge);
}

void Inbox::close_edge(Edge& edge) {
  const Lock lock(mutex_);
  edge.closing = true;
  note_move();
  edge.room.notify_all();
}

void Inbox::drop_source(int source) {
  change(Tells::AlsoHook, [&](Aftermath& after) FRESHFRAME_REQUIRES(mutex_) {
    for (Lane* const lane : lanes_.all()) {
      if (lane->source != source) continue;
      lanes_.drop_waiting(*lane, DropCause::Removed, after.dropped_samples());
      lane->edge->room.notify_all();
    }
    lanes_.retire(stop_.closed);
    return true;
  });
}

bool Inbox::stay_open(bool stays) {
  bool goes_on = false;
  change(Tells::WaitingThreads, [&](Aftermath& /*after*/) FRESHFRAME_REQUIRES(mutex_) {
    goes_on = lanes_.stay_open(stays);
    return true;
  });
  return goes_on;
}

void Inbox::wake() {
  change(Tells::AlsoHook, [&](Aftermath& /*after*/) FRESHFRAME_REQUIRES(mutex_) {
    lanes_.wake();
    return true;
  });
}

std::vector<GoneSource> Inbox::take_gone() {
  const Lock lock(mutex_);
  return lanes_.take_gone();
}

void Inbox::join(const JoinRules& rules) {
  change(Tells::WaitingThreads, [&](Aftermath& /*after*/) FRESHFRAME_REQUIRES(mutex_) {
    sets_ = std::make_unique<SetQueue>(rules, lanes_, way_out_, stop_, *clock_);
    return true;  // a waiting consumer must now also wake up when a sample has waited too long for its set
  });
}

void Inbox::end_edge(Edge& edge) {
  change(Tells::AlsoHook, [&](Aftermath& after) FRESHFRAME_REQUIRES(mutex_) {
    if (edge.gone) return false;
    lanes_.end_edge(edge);
    if (sets_) sets_->end_edge(edge, after);
    lanes_.retire(stop_.closed);
    return true;
  });
}

void Inbox::end_edge(Edge& edge, int source, Change upto) {
  change(Tells::AlsoHook, [&](Aftermath& after) FRESHFRAME_REQUIRES(mutex_) {
    if (!lanes_.end_source(edge, source, upto)) return false;
    if (sets_) sets_->end_edge(edge, after);
    lanes_.retire(stop_.closed);
    return true;
  });
}

void Inbox::expect_close() {
  const Lock lock(mutex_);
  stop_.closes_soon = true;
}

void Inbox::drop_as(DropCause cause) {
  const Lock lock(mutex_);
  stop_.cause = cause;
}

void Inbox::close(Closing how, TimePoint deadline) {
  const auto whom = how == Closing::ForNew ? Tells::WaitingThreads : Tells::AlsoHook;
  change(whom, [&](Aftermath& after) FRESHFRAME_REQUIRES(mutex_) {
    stop_.close(how, deadline);
    if (how != Closing::AtOnce) lanes_.end_edges(joins_, how == Closing::ForNew);
    if (sets_) sets_->drop_at_stop(how != Closing::ForNew, after);
    lanes_.drop_at_stop(stop_, how, after.dropped_samples());
    for (const auto& edge : lanes_.edges()) edge->room.notify_all();
    return true;
  });
}

}  // namespace freshframe::core
