// The consumer's side of its edges: one bounded queue per parent, one mutex, one place to wait.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/batch.hpp"
#include "freshframe/clock.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/queue.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/stats.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/edge/adaptive_spin.hpp"
#include "core/edge/edge.hpp"
#include "core/edge/end_of_stop.hpp"
#include "core/edge/join_sets.hpp"
#include "core/edge/lanes.hpp"
#include "core/edge/room.hpp"

namespace freshframe::core {

/// The result of a wait. News: take_gone() tells of which sources nothing more comes, or wake() was called; only
/// for a consumer that asked for it.
enum class Taken : std::uint8_t { Sample, Nothing, Ended, News };

/// All edges into one node or reader. Producers call put() and end(), each edge from one thread at a time;
/// one consumer thread calls take(), take_batch() or one of their kind. Everything else from any thread: edges
/// come and go while samples flow. A producer keeps the inbox: it may be inside it when its consumer is gone.
/// With a join (see Note [Sets]) the samples that take() and its kind give are sets: their value is a Joined.
///
/// Note [Balance]: passed_in == delivered + dropped + waiting holds for each edge whenever mutex_ is free.
/// Samples that are dropped are destroyed after it is released: freeing a picture may take long. A last
/// sample that passes for its events (Note [Events pass]) comes to the edge a second time: both `passed_in`
/// and `delivered` count it.
class Inbox {
 public:
  using EdgeOptions = core::EdgeOptions;

  Inbox(std::string consumer, std::shared_ptr<const Clock> clock);
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  EdgeRef add_edge(EdgeOptions options);
  /// The edge takes nothing more. Its waiting samples are dropped with cause `removed`, as is the one of a
  /// producer that waits for room there, which returns at once. Returns the edge's last counts.
  EdgeStats remove_edge(const EdgeRef& edge);
  /// The edge has ended, and nothing waits on it.
  [[nodiscard]] bool is_over(const Edge& edge) const;
  /// The edge takes nothing more: later samples, and the one of a producer that waits for room there, are dropped
  /// with cause `removed`. Waiting samples can still be taken; end() follows.
  void close_edge(Edge& edge);
  /// Begins the stream of a source on an edge, or begins it again.
  void add_source(Edge& edge, const SourceStream& stream);
  /// Drops the waiting samples of a source with cause `removed`.
  void drop_source(int source);
  /// Whether the inbox has no end as long as it has no edges, or none that is open.
  void stay_open(bool stays);
  /// Before any thread uses the inbox: take() and its kind return News.
  void report_gone_sources() {
    const Lock lock(mutex_);
    lanes_.report_gone();
  }
  /// The consumer's next call, or the one in which it waits, returns News.
  void wake();
  /// The consumer's thread calls it after News.
  [[nodiscard]] std::vector<GoneSource> take_gone();
  /// Before any thread uses the inbox: its consumer takes sets, of which there are none before join().
  void expect_join() noexcept { joins_ = true; }
  /// After expect_join() and the last add_edge(), and before the first sample. The first edge is that of the
  /// reference. All edges are `joined`.
  void join(const JoinRules& rules);
  /// Before any thread uses the inbox: samples arrive without their frames, which the producer's thread
  /// drops.
  void drop_frames() noexcept { drops_frames_ = true; }
  /// Before any thread uses the inbox: how long the consumer's calls take, which a stop wants to know.
  void set_call_times(const Timings& times) noexcept { call_times_ = &times; }
  /// Called without the mutex when a sample or the end arrives; must not block.
  void set_ready_hook(std::function<void()> hook);

  /// Offers a sample, which may stay with the caller when it is dropped. On a full blocking edge it waits,
  /// with `blocked` set meanwhile. `is_last`: a last result of the parent, which Closing::ForNew lets pass, and
  /// which waits for room on every edge of a recorder: the parent's work is done.
  void put(Edge& edge, AnySample&& sample, std::atomic<bool>& blocked, bool is_last = false);
  /// Whether put() would wait for room. For the edge's producer, which alone fills the edge: No stays true
  /// until its next put().
  [[nodiscard]] bool would_wait(const Edge& edge, bool is_last = false) const;
  /// No more samples will be put on this edge.
  void end(Edge& edge);
  /// No more samples of this source will be put on this edge, unless a later change begins its stream again.
  void end(Edge& edge, int source, Change upto);
  /// The cause of what a close drops; `stop` unless it was told.
  void drop_as(DropCause cause);
  /// close() will follow: the end of a source that a stop has ended completes no batch.
  void expect_close();
  /// Closes in that way. What can still be taken can be taken until `deadline`.
  void close(Closing how = Closing::AtOnce, TimePoint deadline = TimePoint::min());

  /// Waits until a sample, the end of all edges, close(), or `deadline` (TimePoint::max(): no limit).
  Taken take(AnySample& sample, TimePoint deadline);
  /// The end of the last call that took something. Of the consumer's thread.
  [[nodiscard]] TimePoint taken_at() const noexcept { return taken_at_; }
  /// For how long the batch that was taken last had been gathering. Of the consumer's thread.
  [[nodiscard]] Seconds gathered_for() const noexcept { return gathered_for_; }
  /// The time for which the calling thread has waited for room on any edge, all in all.
  [[nodiscard]] static std::chrono::nanoseconds waited_for_room() noexcept;
  Taken try_take(AnySample& sample);
  /// Gathers a batch into `samples`, which is emptied first. The samples stay in their queues until
  /// min(batch.size, capacity of the open edges) wait, or until batch.max_wait after the call first saw one,
  /// or until the end or close(). Then they are taken in turn under one lock. Nothing: `deadline` came first;
  /// the caller keeps `gather_until` between its calls.
  Taken take_batch(std::vector<AnySample>& samples, const Batch& batch,
                   std::optional<TimePoint>& gather_until, TimePoint deadline);
  /// Takes a batch like take_batch(), but never waits. After Nothing call it again at `gather_until` at the
  /// latest, or, if that is empty, when a sample has arrived.
  Taken try_take_batch(std::vector<AnySample>& samples, const Batch& batch,
                       std::optional<TimePoint>& gather_until);
  /// Marks the consumer as waiting outside take() (event loop, poll), or as no longer waiting, so that a NEXT
  /// edge may deliver. take() itself ends it.
  void arm(bool waits);
  /// The newest sample of the next edge that has any. The older ones on it are dropped as `skipped`.
  Taken take_newest(AnySample& sample);

  [[nodiscard]] bool ended() const;
  [[nodiscard]] bool joins() const noexcept { return joins_; }
  [[nodiscard]] const std::string& consumer() const noexcept { return consumer_; }
  [[nodiscard]] std::vector<EdgeOptions> edges() const;

  /// The frames that its edges can hold.
  [[nodiscard]] std::int64_t frame_bound() const;
  /// Without quantiles, which cost most, if `span` is empty.
  [[nodiscard]] std::vector<EdgeStats> stats(std::optional<Span> span = Span::WholeRun) const;
  [[nodiscard]] std::uint64_t delivered() const;
  /// For a consumer that waits outside take(): a set may be due so many seconds from now, although nothing
  /// calls the ready hook. nullopt: no set is ever due without it.
  [[nodiscard]] std::optional<Seconds> look_within() const;
  /// Returns nullopt if the consumer has no join.
  [[nodiscard]] std::optional<JoinStats> join_stats(Span span) const;
  /// The parents of a join whose edges wait for each other: one is full and blocks, the other is empty.
  struct Starved {
    std::string full;
    std::string empty;
  };
  [[nodiscard]] std::optional<Starved> starved_join() const;
  /// The parent's name of a full blocking edge that is still open, if there is one.
  [[nodiscard]] std::optional<std::string> full_blocking_parent() const;

 private:
  [[nodiscard]] EdgeStats counts_locked(const Edge& edge) const FRESHFRAME_REQUIRES(mutex_);
  void describe(const Edge& edge, EdgeStats& stats, std::optional<Span> span, TimePoint now) const;

  /// Who is told of a change: of one that brings nothing to take, and no end, only the threads that wait.
  enum class Tells : std::uint8_t { WaitingThreads, AlsoHook };
  /// Makes a change with the mutex, then tells of it. `what` returns whether it has changed anything.
  void change(Tells whom, const std::function<bool()>& what);
  /// Releases the mutex while it spins; returns ready().
  bool wait_awake_locked(const std::function<bool()>& ready, AdaptiveSpin::Spin& spin)
      FRESHFRAME_REQUIRES(mutex_);
  bool wait_for_sample_locked(TimePoint deadline, const std::function<bool()>& ready)
      FRESHFRAME_REQUIRES(mutex_);
  /// Waits on ready_. Returns ready(); false: the deadline has passed.
  bool sleep_locked(TimePoint deadline, const std::function<bool()>& ready) FRESHFRAME_REQUIRES(mutex_);
  /// Tells threads that spin. With the mutex or after it: if two threads write the same number, one of those that
  /// spin may miss it, and looks with the mutex before it sleeps.
  void moved() noexcept {
    moves_.store(moves_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  [[nodiscard]] static bool waits_when_full(const Edge& edge, bool is_last) noexcept {
    return edge.options.queue.blocks() || (is_last && edge.options.recorded);
  }
  /// `last`: the sample, if it is a last result, which also waits for room by the bounds in seconds and bytes.
  void wait_for_room_locked(Lane& lane, std::atomic<bool>& blocked, const AnySample* last)
      FRESHFRAME_REQUIRES(mutex_);
  enum class Admitted : std::uint8_t { In, Dropped, Full };
  Admitted admit_locked(Lane& lane, AnySample& sample, std::atomic<bool>& blocked, bool is_last)
      FRESHFRAME_REQUIRES(mutex_);
  /// The events that one sample of a batch absorbs.
  struct Absorbing {
    std::size_t index = 0;
    std::vector<ValueRef> events;
  };
  /// The work that remains after a take, once the mutex is free.
  struct Aftermath {
    std::vector<AnySample> dropped;             // destroyed then
    Edge* edge = nullptr;                       // that the sample came from
    std::vector<ValueRef> events;               // that the sample absorbs
    std::optional<TimePoint> gathered_at = {};  // of a batch
    bool made_room = false;                     // for which a producer may spin
    Edge* wakes = nullptr;                      // whose producer sleeps
  };
  struct BatchAftermath {
    Aftermath latest;                 // of the sample that was taken last
    std::vector<Edge*> edges;         // that the samples came from
    std::vector<Absorbing> absorbed;  // of the samples that absorb any
  };
  struct SetAftermath {
    Aftermath latest;                               // of the part that was taken last
    std::vector<std::optional<AnySample>> parts;    // of the set
    const std::vector<EdgeRef>* parents = nullptr;  // they do not change after join()
    std::vector<Absorbing> absorbed;                // of the parts that absorb any
  };
  Taken take_locked(AnySample& sample, bool newest, Aftermath& after) FRESHFRAME_REQUIRES(mutex_);
  /// The next sample, also when a source has gone that the consumer has not been told yet.
  bool take_next_locked(AnySample& sample, bool newest, Aftermath& after) FRESHFRAME_REQUIRES(mutex_);
  /// One wait of take(), after which it looks again; false: for the last time, the deadline has passed. `dropped`
  /// are destroyed before.
  bool wait_to_take_locked(std::vector<AnySample>& dropped, TimePoint deadline) FRESHFRAME_REQUIRES(mutex_);
  /// Without a wait: the next sample, or the newest.
  Taken take_now(AnySample& sample, bool newest);
  /// The lane has room again, which its producer is told at once, or by tell_producer() if a sample was taken, which
  /// keeps the edge.
  void made_room_locked(Lane& lane, Aftermath* after) FRESHFRAME_REQUIRES(mutex_);
  void tell_producer(const Aftermath& after) noexcept;
  /// Joins the events that a sample absorbs, and records its age; without the mutex.
  Taken finish_take(Taken taken, AnySample& sample, const Aftermath& after);
  /// The result of take_locked() when nothing was taken.
  [[nodiscard]] Taken nothing_locked() const FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] bool any_waits_locked() const FRESHFRAME_REQUIRES(mutex_) {
    return joins_ ? sets_ && !sets_->ready.empty() : lanes_.any_ready();
  }
  Taken take_batch_locked(std::vector<AnySample>& samples, const Batch& batch,
                          std::optional<TimePoint>& gather_until, BatchAftermath& after)
      FRESHFRAME_REQUIRES(mutex_);
  /// Does for a batch what finish_take() does for a sample.
  Taken finish_batch(Taken taken, std::vector<AnySample>& samples, const BatchAftermath& after);
  [[nodiscard]] bool stale_locked(const Lane& lane, const AnySample& sample) const;
  /// `arrival`: its number on the lane.
  void deliver_locked(Lane& lane, AnySample& sample, std::uint64_t arrival, Aftermath& after)
      FRESHFRAME_REQUIRES(mutex_);
  /// The next sample of a lane that passes; the older ones are dropped. False: there is none.
  bool take_from_locked(Lane& lane, AnySample& sample, bool newest, Aftermath& after)
      FRESHFRAME_REQUIRES(mutex_);
  /// After a stop: whether one more call of the consumer would end in time.
  [[nodiscard]] bool has_time_locked() const FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] bool is_over_locked() const FRESHFRAME_REQUIRES(mutex_) { return stop_.is_over(*clock_); }
  /// The end of a wait that began as `was_closed` says: a sample, the end, or a stop.
  [[nodiscard]] bool may_go_on_locked(bool was_closed) const FRESHFRAME_REQUIRES(mutex_) {
    return stop_.closed != was_closed || lanes_.all_ended(stop_.closed) || any_waits_locked() ||
           lanes_.has_news();
  }
  void report_first_drop(const EdgeOptions& edge) const;

  // ---- with a join; see Note [Sets]
  [[nodiscard]] Lane& part_lane_locked(std::size_t part) const FRESHFRAME_REQUIRES(mutex_) {
    return *sets_->edges[part]->lanes.front();
  }
  void put_part(Edge& edge, AnySample&& sample, std::atomic<bool>& blocked);
  /// Returns false if the sample was dropped.
  bool admit_part_locked(Lane& lane, AnySample& sample, std::vector<AnySample>& dropped,
                         std::atomic<bool>& blocked) FRESHFRAME_REQUIRES(mutex_);
  /// Returns false if the sample's time is not known, and it was dropped.
  bool take_clock_locked(Lane& lane, AnySample& sample) FRESHFRAME_REQUIRES(mutex_);
  /// Whether a set was made.
  bool apply_decisions_locked(std::vector<AnySample>& dropped) FRESHFRAME_REQUIRES(mutex_);
  void drop_old_sets_locked(std::vector<AnySample>& dropped) FRESHFRAME_REQUIRES(mutex_);
  /// The oldest of those that wait for the consumer.
  void drop_set_locked(DropCause cause, std::vector<AnySample>& dropped) FRESHFRAME_REQUIRES(mutex_);
  void drop_part_locked(JoinSets::Set& set, std::size_t part, DropCause cause,
                        std::vector<AnySample>& dropped) FRESHFRAME_REQUIRES(mutex_);
  /// After a stop: the samples that wait for their set, and the sets.
  void drop_parts_locked(bool sets_too, std::vector<AnySample>& dropped) FRESHFRAME_REQUIRES(mutex_);
  void end_part_locked(const Edge& edge, std::vector<AnySample>& dropped) FRESHFRAME_REQUIRES(mutex_);
  /// An edge is about to be removed: its samples are in no set any more. The sets go too, unless they may be
  /// partial.
  void forget_part_locked(const Edge& edge, std::vector<AnySample>& dropped) FRESHFRAME_REQUIRES(mutex_);
  Taken take_set_locked(bool newest, SetAftermath& after) FRESHFRAME_REQUIRES(mutex_);
  void deliver_set_locked(SetAftermath& after) FRESHFRAME_REQUIRES(mutex_);
  Taken finish_set(Taken taken, AnySample& sample, SetAftermath& after);
  Taken take_set(AnySample& sample, TimePoint deadline);
  Taken take_set_now(AnySample& sample, bool newest);
  /// When a consumer that waits has to look again.
  [[nodiscard]] TimePoint next_look_locked() const FRESHFRAME_REQUIRES(mutex_);
  /// Says that there has been no complete set for a while, and how far apart the samples are; empty: there was.
  [[nodiscard]] std::string fruitless_locked(TimePoint now) const FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] std::string fruitless_text_locked(TimePoint now) const FRESHFRAME_REQUIRES(mutex_);

  const std::string consumer_;
  const std::shared_ptr<const Clock> clock_;
  bool drops_frames_ = false;  // fixed before the threads start, as the next two
  bool joins_ = false;
  const Timings* call_times_ = nullptr;
  std::atomic<bool> has_hook_{false};
  // Read with each sample, and written by a stop alone: apart from the mutex's line.
  EndOfStop stop_ FRESHFRAME_GUARDED_BY(mutex_);
  // The consumer's thread.
  alignas(kCacheLine) TimePoint taken_at_ = TimePoint::min();
  Seconds gathered_for_{};
  std::atomic<bool> finishing_{false};  // set with the mutex, cleared without it: the consumer records an age
  // Read without the mutex by threads that spin: on a cache line of its own, or each of their reads would take the
  // mutex's line from the thread that holds it.
  alignas(kCacheLine) std::atomic<std::uint32_t> moves_{0};

  // One cache line, which goes from thread to thread with each sample: the mutex, and what is written with it.
  alignas(kCacheLine) mutable Mutex mutex_;
  Room room_ FRESHFRAME_GUARDED_BY(mutex_);
  bool waiting_ FRESHFRAME_GUARDED_BY(mutex_) = false;          // the consumer is in take()
  bool consumer_asleep_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // it waits on ready_, and nobody has woken it
  // From here on nothing is written with each sample.
  alignas(kCacheLine) Lanes lanes_ FRESHFRAME_GUARDED_BY(mutex_){room_};
  AdaptiveSpin spin_ FRESHFRAME_GUARDED_BY(mutex_);  // the consumer's
  Gathering gathering_ FRESHFRAME_GUARDED_BY(mutex_){room_};
  // Removed while the consumer may still record an age there; see finishing_.
  std::vector<EdgeRef> retired_ FRESHFRAME_GUARDED_BY(mutex_);
  std::unique_ptr<JoinSets> sets_ FRESHFRAME_GUARDED_BY(mutex_);  // null: it has no join, or not yet
  std::shared_ptr<const std::function<void()>> hook_ FRESHFRAME_GUARDED_BY(mutex_);
  Condition ready_;
};

}  // namespace freshframe::core
