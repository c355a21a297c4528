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

/// The result of a wait. News: take_gone() returns the sources that have ended, or wake() was called; only
/// for a consumer that asked for it.
enum class Taken : std::uint8_t { Sample, Nothing, Ended, News };

/// Which sample a consumer takes: the next one, or the newest of all edges by the time of its capture. The older ones
/// are dropped as `skipped`.
struct Pick {
  static const Pick kNext;
  static const Pick kNewest;

  bool newest = false;
  // The last sample that the consumer has got. Older samples of other sources are dropped. A source may set its own
  // clock back.
  int source = -1;
  TimePoint captured = TimePoint::min();
};
inline constexpr Pick Pick::kNext{};
inline constexpr Pick Pick::kNewest{.newest = true};

/// The deadline of a take that never waits.
inline constexpr TimePoint kWithoutWait = TimePoint::min();

/// The time for which the calling thread has waited for room on any edge, all in all.
[[nodiscard]] std::chrono::nanoseconds waited_for_room() noexcept;

/// All edges into one node or reader. Producers call put() and end_edge(), each edge from one thread at a time;
/// one consumer thread calls take() or take_batch(). Everything else from any thread: edges
/// come and go while samples flow. A producer keeps the inbox: it may be inside it when its consumer is gone.
/// With a join (see Note [Sets]) the samples that take() gives are sets: their value is a Joined.
///
/// Note [Balance]: passed_in == delivered + dropped + waiting holds for each edge whenever mutex_ is free.
/// Samples that are dropped are destroyed after it is released: freeing a picture may take long. A last
/// sample that passes for its events (Note [Events pass]) comes to the edge a second time: both `passed_in`
/// and `delivered` count it.
class Inbox {
 public:
  using EdgeOptions = core::EdgeOptions;

  /// `drops_frames`: samples arrive without their frames, which the producer's thread drops.
  Inbox(std::string consumer, std::shared_ptr<const Clock> clock, bool drops_frames = false);

  EdgeRef add_edge(EdgeOptions options);
  /// The edge takes nothing more. The waiting samples are dropped with cause `removed`, as is the one of a
  /// producer that waits for room there, which returns at once. Returns the edge's last counts.
  EdgeStats remove_edge(const EdgeRef& edge);
  /// The edge takes nothing more: later samples, and the one of a producer that waits for room there, are dropped
  /// with cause `removed`. Waiting samples can still be taken; end_edge() follows.
  void close_edge(Edge& edge);
  /// Begins the stream of a source on an edge, or begins it again.
  void add_source(Edge& edge, const SourceStream& stream);
  /// Drops the waiting samples of a source with cause `removed`.
  void drop_source(int source);
  /// Whether the inbox has no end as long as it has no edges, or none that is open. Returns false when its node has
  /// been told of the end, which stays.
  bool stay_open(bool stays);
  /// Before any thread uses the inbox: its consumer is a node, which gets News. `call_times`: how long its calls
  /// take, which a stop wants to know; null means no time.
  void serve_node(const Timings* call_times);
  /// The consumer's next call, or the one in which it waits, returns News.
  void wake();
  /// The consumer's thread calls it after News.
  [[nodiscard]] std::vector<GoneSource> take_gone();
  /// Before any thread uses the inbox: its consumer takes sets, which exist only after join().
  void expect_join() noexcept { joins_ = true; }
  /// After expect_join() and the last add_edge(), and before the first sample. The first edge belongs to the
  /// reference. All edges are `joined`.
  void join(const JoinRules& rules);
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
  void end_edge(Edge& edge);
  /// No more samples of this source will be put on this edge, unless a later change begins its stream again.
  void end_edge(Edge& edge, int source, Change upto);
  /// The cause of what a close drops; `stop` unless this was called.
  void drop_as(DropCause cause);
  /// close() will follow: the end of a source that a stop has ended completes no batch.
  void expect_close();
  /// Closes in that way. Samples that can still be taken can be taken until `deadline`.
  void close(Closing how = Closing::AtOnce, TimePoint deadline = TimePoint::min());

  /// Waits until a sample, the end of all edges, close(), or `deadline` (TimePoint::max(): no limit).
  Taken take(AnySample& sample, TimePoint deadline, const Pick& pick = Pick::kNext);
  /// Gathers a batch into `samples`, which is emptied first. The samples stay in their queues until
  /// min(batch.size, capacity of the open edges) wait, or until batch.max_wait after the call first saw one,
  /// or until the end or close(). Then they are taken in turn under one lock. Nothing: `deadline` came first;
  /// the caller keeps `gather_until` between its calls. A caller that never waits calls again at `gather_until`
  /// at the latest, or, if that is empty, when a sample has arrived.
  Taken take_batch(std::vector<AnySample>& samples, const Batch& batch,
                   std::optional<TimePoint>& gather_until, TimePoint deadline);
  /// The end of the last call that took something. Only the consumer's thread may ask.
  [[nodiscard]] TimePoint taken_at() const noexcept { return taken_at_; }
  /// Returns how long the batch that was taken last had been gathering. Only for the consumer's thread.
  [[nodiscard]] Seconds gathered_for() const noexcept { return gathered_for_; }
  /// Marks the consumer as waiting outside take() (event loop, poll), or as no longer waiting, so that a NEXT
  /// edge may deliver. A take that waits ends it.
  void arm(bool waits);

  [[nodiscard]] bool joins() const noexcept { return joins_; }
  [[nodiscard]] const std::string& consumer() const noexcept { return consumer_; }
  /// Returns no quantiles, which cost most, if `span` is empty.
  [[nodiscard]] std::vector<EdgeStats> stats(std::optional<Span> span = Span::WholeRun) const;

  /// The state of an inbox at one moment.
  struct Contents {
    const Lanes& lanes;
    const EndOfStop& stop;
    const SetQueue* sets;  // null means it has no join, or not yet
  };
  /// Calls `what` with the Contents, and holds the mutex meanwhile. The functions below the class read in this way.
  template <class What>
  auto inspect(const What& what) const {
    const Lock lock(mutex_);
    return what(Contents{lanes_, stop_, sets_.get()});
  }

 private:
  /// Who is notified of a change: only the waiting threads if it brings nothing to take, and no end.
  enum class Tells : std::uint8_t { WaitingThreads, AlsoHook };
  /// Makes a change with the mutex, then notifies about it. `what` returns whether it has changed anything.
  void change(Tells whom, const std::function<bool(Aftermath&)>& what);
  /// Wakes the producers that have room again: with the mutex, or without it after a take, which keeps their edges.
  void tell_producers(Aftermath& after) noexcept;
  /// Notifies threads that spin. With the mutex or after it: if two threads write the same number, a spinning thread
  /// may miss it, and looks with the mutex before it sleeps.
  void note_move() noexcept {
    moves_.store(moves_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  // ---- the waits, which release the mutex
  /// Spins; returns ready().
  bool wait_awake_locked(const std::function<bool()>& ready, AdaptiveSpin::Spin& spin)
      FRESHFRAME_REQUIRES(mutex_);
  /// Spins, then sleeps. False means the deadline has passed.
  bool wait_for_sample_locked(TimePoint deadline, const std::function<bool()>& ready)
      FRESHFRAME_REQUIRES(mutex_);
  /// Waits on ready_. False means the deadline has passed.
  bool sleep_locked(TimePoint deadline, const std::function<bool()>& ready) FRESHFRAME_REQUIRES(mutex_);
  /// `last`: the sample, if it is a last result, which also waits for room by the bounds in seconds and bytes.
  void wait_for_room_locked(Lane& lane, std::atomic<bool>& blocked, const AnySample* last)
      FRESHFRAME_REQUIRES(mutex_);

  // ---- the way in
  /// What a sample that came has changed.
  struct PutSample : Aftermath {
    explicit PutSample(std::atomic<bool>& is_blocked) noexcept : blocked(is_blocked) {}
    std::atomic<bool>& blocked;               // while the producer waits for room
    std::optional<AnySample> evicted;         // for it; the further ones are among dropped()
    std::optional<std::string> warning = {};  // warning of a join
    bool moves = false;                       // there is something for the consumer
    bool wakes_consumer = false;              // for which it need not sleep on
    bool is_first_drop = false;               // the first drop on the edge
  };
  enum class Admitted : std::uint8_t { In, Dropped, Full };
  Admitted admit_locked(Lane& lane, AnySample& sample, std::atomic<bool>& blocked, bool is_last)
      FRESHFRAME_REQUIRES(mutex_);
  void put_sample_locked(Edge& edge, AnySample& sample, bool is_last, PutSample& put)
      FRESHFRAME_REQUIRES(mutex_);
  void put_part_locked(Edge& edge, AnySample& sample, PutSample& put) FRESHFRAME_REQUIRES(mutex_);

  // ---- the way out
  /// A batch that is gathered.
  struct Gather {
    const Batch& batch;
    std::optional<TimePoint>& until;  // empty means no sample has been seen
  };
  [[nodiscard]] bool any_waits_locked() const FRESHFRAME_REQUIRES(mutex_) {
    return joins_ ? sets_ && sets_->any_ready() : lanes_.any_ready();
  }
  /// The result of a take that found nothing.
  [[nodiscard]] Taken nothing_locked() FRESHFRAME_REQUIRES(mutex_);
  Taken take_locked(AnySample& sample, const Pick& pick, Delivery& out) FRESHFRAME_REQUIRES(mutex_);
  Taken take_batch_locked(std::vector<AnySample>& samples, const Gather& gather, Delivery& out)
      FRESHFRAME_REQUIRES(mutex_);
  /// One wait, after which the caller looks again; false means for the last time, the deadline has passed. Dropped
  /// samples are destroyed before. `gather`: null without a batch.
  bool wait_to_take_locked(Delivery& out, TimePoint deadline, const Gather* gather)
      FRESHFRAME_REQUIRES(mutex_);
  /// Wakes the producers, and completes the samples; without the mutex.
  Taken finish(Taken taken, std::span<AnySample> samples, Delivery& out);

  const std::string consumer_;
  const std::shared_ptr<const Clock> clock_;
  const bool drops_frames_;
  bool joins_ = false;  // fixed before the threads start
  std::atomic<bool> has_hook_{false};
  // Read with each sample, and written by a stop alone: apart from the mutex's line.
  EndOfStop stop_ FRESHFRAME_GUARDED_BY(mutex_);
  // The consumer's thread.
  alignas(kCacheLine) TimePoint taken_at_ = TimePoint::min();
  Seconds gathered_for_{};
  std::atomic<bool> finishing_{false};  // set with the mutex, cleared without it: the consumer records an age
  // Read without the mutex by threads that spin: on a separate cache line, or each of their reads would take the
  // mutex's line from the thread that holds it.
  alignas(kCacheLine) std::atomic<std::uint32_t> moves_{0};

  // One cache line, which goes from thread to thread with each sample: the mutex, and what is written with it.
  alignas(kCacheLine) mutable Mutex mutex_;
  Room room_ FRESHFRAME_GUARDED_BY(mutex_);
  bool waiting_ FRESHFRAME_GUARDED_BY(mutex_) = false;          // the consumer is in take()
  bool consumer_asleep_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // it waits on ready_, and was not woken
  // From here on nothing is written with each sample.
  alignas(kCacheLine) Lanes lanes_ FRESHFRAME_GUARDED_BY(mutex_){room_};
  AdaptiveSpin spin_ FRESHFRAME_GUARDED_BY(mutex_);  // the consumer's
  Gathering gathering_ FRESHFRAME_GUARDED_BY(mutex_){room_};
  WayOut way_out_ FRESHFRAME_GUARDED_BY(mutex_);
  // Removed while the consumer may still record an age there; see finishing_.
  std::vector<EdgeRef> retired_ FRESHFRAME_GUARDED_BY(mutex_);
  std::unique_ptr<SetQueue> sets_ FRESHFRAME_GUARDED_BY(mutex_);  // null means it has no join, or not yet
  std::shared_ptr<const std::function<void()>> hook_ FRESHFRAME_GUARDED_BY(mutex_);
  Condition ready_;
};

// ---- what only looks at an inbox

/// The edge has ended, and nothing waits on it.
[[nodiscard]] bool is_over(const Inbox& inbox, const Edge& edge);
/// Nothing can be taken any more.
[[nodiscard]] bool has_ended(const Inbox& inbox);
[[nodiscard]] std::vector<EdgeOptions> list_edges(const Inbox& inbox);
/// The frames that its edges can hold.
[[nodiscard]] std::int64_t frame_bound(const Inbox& inbox);
/// The samples that its consumer has taken.
[[nodiscard]] std::uint64_t count_delivered(const Inbox& inbox);
/// The parent's name of a full blocking edge that is still open, if there is one.
[[nodiscard]] std::optional<std::string> full_blocking_parent(const Inbox& inbox);
/// For a consumer that waits outside take(): the seconds from now after which a set may be due, although nothing
/// calls the ready hook. nullopt means no set is ever due without it.
[[nodiscard]] std::optional<Seconds> look_within(const Inbox& inbox);
/// Returns nullopt if the consumer has no join.
[[nodiscard]] std::optional<JoinStats> join_stats(const Inbox& inbox, Span span);
[[nodiscard]] std::optional<StarvedJoin> starved_join(const Inbox& inbox);

}  // namespace freshframe::core
