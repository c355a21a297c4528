// The consumer's end of its edges: a bounded queue per parent, with one mutex and one condition to wait on.
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
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/edge/adaptive_spin.hpp"
#include "core/edge/edge.hpp"
#include "core/edge/end_of_stop.hpp"
#include "core/edge/lanes.hpp"
#include "core/edge/room.hpp"
#include "core/edge/set_queue.hpp"
#include "core/edge/way_out.hpp"

namespace freshframe::core {

/// Result of a take. News: a source has ended (see take_gone()), or wake() was called. Only consumers that
/// asked for it get News.
enum class Taken : std::uint8_t { Sample, Nothing, Ended, News };

/// Which sample to take: the next one, or the newest of all edges by capture time. Older ones are then
/// dropped as `skipped`.
struct Pick {
  static const Pick kNext;
  static const Pick kNewest;

  bool newest = false;
  // The last sample that the consumer received. Older samples are dropped if they are from another source;
  // those of the same source are not, since it may have set its clock back.
  int source = -1;
  TimePoint captured = TimePoint::min();
};
inline constexpr Pick Pick::kNext{};
inline constexpr Pick Pick::kNewest{.newest = true};

/// Deadline for a take that must not wait.
inline constexpr TimePoint kWithoutWait = TimePoint::min();

/// Returns the total time that the calling thread has waited for room on any edge.
[[nodiscard]] std::chrono::nanoseconds waited_for_room() noexcept;

/// All edges into one node or reader. Producers call put() and end_edge(), each edge from one thread at a
/// time. One consumer thread calls take() or take_batch(). Everything else is thread-safe: edges may be added
/// and removed while samples flow. Producers keep the inbox alive, since they may be inside a call when the
/// consumer is gone. With a join (see Note [Sets]), take() returns sets: samples whose value is a Joined.
///
/// Note [Balance]: for each edge, passed_in == delivered + dropped + waiting whenever mutex_ is not held.
/// Dropped samples are destroyed after releasing it, because freeing a frame can take long. A dropped sample
/// that is delivered after all for the sake of its events (Note [Events pass]) is counted in `passed_in` a
/// second time.
class Inbox {
 public:
  /// With `drops_frames`, put() removes the frames from the samples.
  Inbox(std::string consumer, std::shared_ptr<const Clock> clock, bool drops_frames = false);

  EdgeRef add_edge(EdgeSetup options);
  /// Removes an edge and drops its queued samples as `removed`. A producer that is waiting for room there
  /// returns immediately, and its sample is also dropped as `removed`. Returns the edge's final counters.
  EdgeStats remove_edge(const EdgeRef& edge);
  /// Makes the edge drop all further samples as `removed`, including that of a producer that is waiting for
  /// room. Queued samples can still be taken. Call end_edge() afterwards.
  void close_edge(Edge& edge);
  /// Starts or restarts a source's stream on an edge.
  void add_source(Edge& edge, const SourceStream& stream);
  /// Drops the queued samples of a source as `removed`.
  void drop_source(int source);
  /// Sets whether the inbox stays open without any (open) edge. Returns false if the node has already been
  /// notified that it has ended, which is final.
  bool stay_open(bool stays);
  /// Declares the consumer to be a node, which receives News. Call before any thread uses the inbox.
  /// `call_times` are the durations of its calls, so that a stop can estimate whether one more fits; null:
  /// they take no time.
  void serve_node(const Timings* call_times);
  /// Makes the consumer's current or next wait return News.
  void wake();
  /// Returns the sources that have ended since the last call. Call on the consumer's thread after News.
  [[nodiscard]] std::vector<GoneSource> take_gone();
  /// Declares that the consumer takes sets, which only exist after join(). Call before any thread uses the
  /// inbox.
  void expect_join() noexcept { joins_ = true; }
  /// Starts the join. Call after expect_join() and the last add_edge(), before the first sample. The first
  /// edge is the reference. All edges must have `joined` set.
  void join(const JoinRules& rules);
  /// Sets a hook called without the mutex when a sample or the end arrives. It must not block.
  void set_ready_hook(std::function<void()> hook);

  /// Offers a sample; if it is dropped, it may be left with the caller. Waits while a blocking edge is full,
  /// with `blocked` set. `is_last` marks a final result of the parent, which Closing::ForNew lets pass. On
  /// any edge to a recorder it waits for room, since by then the parent has nothing else to do.
  void put(Edge& edge, AnySample&& sample, std::atomic<bool>& blocked, bool is_last = false);
  /// Returns true if put() would have to wait. Call on the edge's producer thread: since only that fills the
  /// edge, false stays true until the next put().
  [[nodiscard]] bool would_wait(const Edge& edge, bool is_last = false) const;
  /// Ends the edge: no more samples will be put on it.
  void end_edge(Edge& edge);
  /// Ends a source's stream on the edge, unless it was started by a later change than `upto`.
  void end_edge(Edge& edge, int source, Change upto);
  /// Sets the drop cause that close() uses. Default: `stop`.
  void drop_as(DropCause cause);
  /// Announces that close() will follow, so that a source that ends in the meantime does not complete a batch
  /// early.
  void expect_close();
  /// Closes the inbox. What can still be taken, depending on `how`, can be taken until `deadline`.
  void close(Closing how = Closing::AtOnce, TimePoint deadline = TimePoint::min());

  /// Waits until a sample, the end of all edges, close(), or `deadline` (TimePoint::max(): no limit).
  Taken take(AnySample& sample, TimePoint deadline, const Pick& pick = Pick::kNext);
  /// Fills `samples` with a batch. Samples stay queued until min(batch.size, capacity of the open edges) are
  /// waiting, until batch.max_wait after the call first saw one, or until the end or close(). Then they are
  /// all taken under one lock. Returns Nothing if `deadline` comes first; the caller must pass the same
  /// `gather_until` to the next call. A caller that never waits calls again by `gather_until` or, if that is
  /// empty, when a sample has arrived.
  Taken take_batch(std::vector<AnySample>& samples, const Batch& batch,
                   std::optional<TimePoint>& gather_until, TimePoint deadline);
  /// Returns when the last successful take ended. Consumer's thread only.
  [[nodiscard]] TimePoint taken_at() const noexcept { return taken_at_; }
  /// Returns for how long the last batch was gathered. Consumer's thread only.
  [[nodiscard]] Seconds gathered_for() const noexcept { return gathered_for_; }
  /// Sets whether the consumer is waiting outside take() (event loop, poll), so that a NEXT edge may deliver.
  /// A take that waits resets it.
  void arm(bool waits);

  [[nodiscard]] bool joins() const noexcept { return joins_; }
  [[nodiscard]] const std::string& consumer() const noexcept { return consumer_; }
  /// Omits the quantiles, which are expensive, if `span` is unset.
  [[nodiscard]] std::vector<EdgeStats> stats(std::optional<Span> span = Span::WholeRun) const;

  struct Contents {
    const Lanes& lanes;
    const EndOfStop& stop;
    const SetQueue* sets;  // null without a join, and before join() is called
  };
  /// Calls `what` with the Contents while holding the mutex. The functions after the class use this.
  template <class What>
  auto inspect(const What& what) const {
    const Lock lock(mutex_);
    return what(Contents{lanes_, stop_, sets_.get()});
  }

 private:
  /// Whom a change notifies: WaitingThreads is enough if it brings no sample and no end.
  enum class Tells : std::uint8_t { WaitingThreads, AlsoHook };
  /// Makes a change under the mutex and then notifies. `what` returns whether anything changed.
  void change(Tells whom, const std::function<bool(Aftermath&)>& what);
  /// Wakes producers that have room again. Call with the mutex; or without it after a take, which keeps their
  /// edges alive.
  void tell_producers(Aftermath& after) noexcept;
  /// Notifies spinning threads. May be called with or without the mutex: if two threads store the same
  /// number, a spinning thread may miss a move, but it checks again under the mutex before it sleeps.
  void note_move() noexcept {
    moves_.store(moves_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  // ---- waiting; these release the mutex

  /// Spins only. Returns ready().
  bool wait_awake_locked(const std::function<bool()>& ready, AdaptiveSpin::Spin& spin)
      FRESHFRAME_REQUIRES(mutex_);
  /// Spins, then sleeps. Returns false if the deadline has passed.
  bool wait_for_sample_locked(TimePoint deadline, const std::function<bool()>& ready)
      FRESHFRAME_REQUIRES(mutex_);
  /// Sleeps on ready_. Returns false if the deadline has passed.
  bool sleep_locked(TimePoint deadline, const std::function<bool()>& ready) FRESHFRAME_REQUIRES(mutex_);
  /// `last` is the sample if it is a final result; otherwise null. A final result also waits for room by
  /// max_seconds and max_bytes.
  void wait_for_room_locked(Lane& lane, std::atomic<bool>& blocked, const AnySample* last)
      FRESHFRAME_REQUIRES(mutex_);

  // ---- put()
  struct PutSample : Aftermath {
    explicit PutSample(std::atomic<bool>& is_blocked) noexcept : blocked(is_blocked) {}
    std::atomic<bool>& blocked;        // set while the producer waits for room
    std::optional<AnySample> evicted;  // the sample dropped to make room; any others are in dropped()
    std::optional<std::string> warning = {};
    bool moves = false;           // whether the consumer may now have something to take
    bool wakes_consumer = false;  // whether it is enough to wake the consumer
    bool is_first_drop = false;
  };
  enum class Admitted : std::uint8_t { In, Dropped, Full };
  Admitted admit_locked(Lane& lane, AnySample& sample, std::atomic<bool>& blocked, bool is_last)
      FRESHFRAME_REQUIRES(mutex_);
  void put_sample_locked(Edge& edge, AnySample& sample, bool is_last, PutSample& put)
      FRESHFRAME_REQUIRES(mutex_);
  void put_part_locked(Edge& edge, AnySample& sample, PutSample& put) FRESHFRAME_REQUIRES(mutex_);

  // ---- take()
  struct Gather {
    const Batch& batch;
    std::optional<TimePoint>& until;  // deadline of the batch; empty until a first sample has been seen
  };
  [[nodiscard]] bool any_waits_locked() const FRESHFRAME_REQUIRES(mutex_) {
    return joins_ ? sets_ && sets_->any_ready() : lanes_.any_ready();
  }
  [[nodiscard]] Taken nothing_locked() FRESHFRAME_REQUIRES(mutex_);
  Taken take_locked(AnySample& sample, const Pick& pick, Delivery& out) FRESHFRAME_REQUIRES(mutex_);
  Taken take_batch_locked(std::vector<AnySample>& samples, const Gather& gather, Delivery& out)
      FRESHFRAME_REQUIRES(mutex_);
  /// Waits once, after which the caller tries again; returns false if the deadline has passed and that is the
  /// last try. Destroys dropped samples first. `gather` is null without a batch.
  bool wait_to_take_locked(Delivery& out, TimePoint deadline, const Gather* gather)
      FRESHFRAME_REQUIRES(mutex_);
  /// Wakes producers and completes the samples. Call without the mutex.
  Taken finish(Taken taken, std::span<AnySample> samples, Delivery& out);

  const std::string consumer_;
  const std::shared_ptr<const Clock> clock_;
  const bool drops_frames_;
  bool joins_ = false;  // fixed before threads start
  std::atomic<bool> has_hook_{false};
  // Read for every sample but written only by a stop, so it is kept off the mutex's cache line.
  EndOfStop stop_ FRESHFRAME_GUARDED_BY(mutex_);
  // Used only by the consumer's thread.
  alignas(kCacheLine) TimePoint taken_at_ = TimePoint::min();
  Seconds gathered_for_{};
  // Set with the mutex held while the consumer records an age, cleared without it.
  std::atomic<bool> finishing_{false};
  // Read without the mutex by spinning threads, so it has its own cache line. Otherwise each read would take
  // the mutex's line away from the thread that holds it.
  alignas(kCacheLine) std::atomic<std::uint32_t> moves_{0};

  // One cache line that moves from thread to thread with every sample: the mutex and what is written under
  // it.
  alignas(kCacheLine) mutable Mutex mutex_;
  Room room_ FRESHFRAME_GUARDED_BY(mutex_);
  bool waiting_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // the consumer is inside take()
  // The consumer waits on ready_ and has not been woken.
  bool consumer_asleep_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  // Nothing from here on is written for every sample.
  alignas(kCacheLine) Lanes lanes_ FRESHFRAME_GUARDED_BY(mutex_){room_};
  AdaptiveSpin spin_ FRESHFRAME_GUARDED_BY(mutex_);  // decides whether the consumer's waits start with a spin
  Gathering gathering_ FRESHFRAME_GUARDED_BY(mutex_){room_};
  WayOut way_out_ FRESHFRAME_GUARDED_BY(mutex_);
  // Removed edges in which the consumer may still record an age; see finishing_.
  std::vector<EdgeRef> retired_ FRESHFRAME_GUARDED_BY(mutex_);
  // Null without a join, and before join() is called.
  std::unique_ptr<SetQueue> sets_ FRESHFRAME_GUARDED_BY(mutex_);
  std::shared_ptr<const std::function<void()>> hook_ FRESHFRAME_GUARDED_BY(mutex_);
  Condition ready_;
};

// ---- queries

/// The edge has ended and is empty.
[[nodiscard]] bool is_over(const Inbox& inbox, const Edge& edge);
/// There is nothing more to take.
[[nodiscard]] bool has_ended(const Inbox& inbox);
[[nodiscard]] std::vector<EdgeSetup> list_edges(const Inbox& inbox);
/// Maximum number of frames that the edges can hold.
[[nodiscard]] std::int64_t frame_bound(const Inbox& inbox);
[[nodiscard]] std::uint64_t count_delivered(const Inbox& inbox);
/// Name of the parent of an open blocking edge that is full, if there is one.
[[nodiscard]] std::optional<std::string> full_blocking_parent(const Inbox& inbox);
/// For a consumer that waits outside take(): in how many seconds a set may be due without the ready hook
/// being called; nullopt: never.
[[nodiscard]] std::optional<Seconds> look_within(const Inbox& inbox);
/// nullopt without a join.
[[nodiscard]] std::optional<JoinStats> join_stats(const Inbox& inbox, Span span);
[[nodiscard]] std::optional<StarvedJoin> starved_join(const Inbox& inbox);

}  // namespace freshframe::core
