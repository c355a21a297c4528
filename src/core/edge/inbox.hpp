// The consumer's side of its edges: one bounded queue per parent, one mutex, one place to wait.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/batch.hpp"
#include "freshframe/clock.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/queue.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/stats.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/edge/adaptive_spin.hpp"
#include "core/edge/kept_events.hpp"

namespace freshframe::core {

/// The result of a wait.
enum class Taken : std::uint8_t { Sample, Nothing, Ended };

/// All edges into one node or reader. Producers call put() and end(), each edge from one thread at a time;
/// one consumer thread calls take(), take_batch() or one of their kind. close() and stats() from any thread.
///
/// Note [Lanes]
/// Results of several cameras arrive at an edge in bursts: one batch puts one sample of each. A queue for all
/// of them would let the last camera evict the others. So an edge that several sources can reach has a lane
/// for each, a queue with the edge's policy, and the consumer takes from all lanes of all edges in turn.
///
/// Note [Balance]: passed_in == delivered + dropped + waiting holds for each edge whenever mutex_ is free.
/// Samples that are dropped are destroyed after it is released: freeing a picture may take long. A last
/// sample that passes for its events (Note [Events pass]) comes to the edge a second time: both `passed_in`
/// and `delivered` count it.
class Inbox {
 public:
  struct EdgeOptions {
    int parent = -1;
    std::string parent_name;
    Queue queue;
    std::optional<double> max_age = {};  // seconds
    std::vector<int> sources = {};       // that can reach the edge, in rising order; none or one: one lane
    std::string only = {};               // the source that the edge is limited to; empty: none
    bool events = false;                 // the parent's type has events
    std::string way_to_be_faster = {};   // of a recorder; empty: not known
  };

  Inbox(std::string consumer, std::shared_ptr<const Clock> clock);
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  /// Before any thread uses the inbox. Returns the edge's index.
  int add_edge(EdgeOptions options);
  /// Before any thread uses the inbox: samples arrive without their frames, which the producer's thread
  /// drops.
  void drop_frames() noexcept { drops_frames_ = true; }
  /// Before any thread uses the inbox: how long the consumer's calls take, which a stop wants to know.
  void set_call_times(const Timings& times) noexcept { call_times_ = &times; }
  /// Called without the mutex when a sample or the end arrives; must not block.
  void set_ready_hook(std::function<void()> hook);

  /// Offers a sample, which may stay with the caller when it is dropped. On a full blocking edge it waits,
  /// with `blocked` set meanwhile.
  void put(int edge, AnySample&& sample, std::atomic<bool>& blocked);
  /// Whether put() would wait for room. For the edge's producer, which alone fills the edge: No stays true
  /// until its next put().
  [[nodiscard]] bool would_wait(int edge) const;
  /// No more samples will be put on this edge.
  void end(int edge);
  /// close() will follow: the end of a source that a stop has ended completes no batch.
  void expect_close();
  /// Drops the waiting samples with cause `stop`. Later samples are dropped too, and put() never waits again.
  void close();
  /// As close(), but the waiting samples can still be taken until `deadline`.
  void close_for_new(TimePoint deadline);
  /// As close(), but of each lane whose dropped samples have events a last sample can be taken, if the
  /// consumer's calls take so little time that it has ended by `deadline`.
  void close_but_for_events(TimePoint deadline);

  /// Waits until a sample, the end of all edges, close(), or `deadline` (TimePoint::max(): no limit).
  Taken take(AnySample& sample, TimePoint deadline);
  /// The end of the last call that took something. Of the consumer's thread.
  [[nodiscard]] TimePoint taken_at() const noexcept { return taken_at_; }
  Taken try_take(AnySample& sample);
  /// Gathers a batch into `samples`, which is emptied first. The samples stay in their queues until
  /// min(batch.size, capacity of the open edges) wait, or until batch.max_wait after the call first saw one,
  /// or until the end or close(). Then they are taken in turn under one lock.
  Taken take_batch(std::vector<AnySample>& samples, const Batch& batch);
  /// As take_batch(), but never waits. Nothing: call again at `gather_until` at the latest, or, if that is
  /// empty, when a sample has arrived. The caller keeps `gather_until` between its calls.
  Taken try_take_batch(std::vector<AnySample>& samples, const Batch& batch,
                       std::optional<TimePoint>& gather_until);
  /// Marks the consumer as waiting outside take() (event loop, poll), or as no longer waiting, so that a NEXT
  /// edge may deliver. take() itself ends it.
  void arm(bool waits);
  /// The newest sample of the next edge that has any. The older ones on it are dropped as `skipped`.
  Taken take_newest(AnySample& sample);

  [[nodiscard]] bool ended() const;
  [[nodiscard]] const std::string& consumer() const noexcept { return consumer_; }
  [[nodiscard]] const std::vector<EdgeOptions>& edges() const noexcept { return options_; }

  [[nodiscard]] std::vector<EdgeStats> stats(Span span = Span::WholeRun) const;
  [[nodiscard]] std::uint64_t delivered() const;
  /// The parent's name of a full blocking edge that is still open, if there is one.
  [[nodiscard]] std::optional<std::string> full_blocking_parent() const;

 private:
  struct Lane {
    std::size_t edge = 0;  // that it is a part of
    Queue queue;
    std::optional<TimePoint::duration> max_age;
    std::vector<AnySample> ring;
    std::vector<std::uint64_t> arrivals;  // of the samples in the ring: passed_in when each came
    std::size_t head = 0;
    std::size_t size = 0;
    std::int64_t bytes = 0;  // of the waiting pictures; counted only if the queue has a bound in bytes
    bool ended = false;
    std::uint64_t passed_in = 0;
    std::uint64_t delivered = 0;
    std::array<std::uint64_t, kDropCauses> drops{};
    std::uint64_t dropped_since = 0;  // since the last delivered sample
    KeptEvents kept;
    AdaptiveSpin spin;  // the producer's
    bool producer_asleep = false;
    Condition room;

    /// The stream has ended, but events have not passed.
    [[nodiscard]] bool owes_events() const noexcept { return ended && size == 0 && !kept.empty(); }
  };

  /// The lanes of one edge; fixed before the threads start.
  struct Lanes {
    std::size_t first = 0;
    std::size_t count = 1;
  };

  [[nodiscard]] static bool full_locked(const Lane& lane) { return lane.size >= lane.ring.size(); }
  /// As full_locked(), also by the queue's bounds in seconds and bytes.
  [[nodiscard]] static bool full_locked(const Lane& lane, const AnySample& next);
  static AnySample pop_locked(Lane& lane);
  /// Pops the oldest sample and counts its drop; its events stay.
  static AnySample evict_locked(Lane& lane, DropCause cause);
  static void push_locked(Lane& lane, AnySample&& sample);
  static void drop_locked(Lane& lane, DropCause cause);
  [[nodiscard]] Lane& lane_of(std::size_t edge, const AnySample& sample) FRESHFRAME_REQUIRES(mutex_);
  /// Releases the mutex for a moment, or until a sample moves; returns ready().
  bool wait_awake_locked(const std::function<bool()>& ready) FRESHFRAME_REQUIRES(mutex_);
  bool wait_for_sample_locked(TimePoint deadline, const std::function<bool()>& ready)
      FRESHFRAME_REQUIRES(mutex_);
  void moved_locked() noexcept FRESHFRAME_REQUIRES(mutex_);
  void wait_for_room_locked(Lane& lane, std::atomic<bool>& blocked) FRESHFRAME_REQUIRES(mutex_);
  enum class Admitted : std::uint8_t { In, Dropped, Full };
  Admitted admit_locked(Lane& lane, AnySample& sample, std::atomic<bool>& blocked)
      FRESHFRAME_REQUIRES(mutex_);
  /// The events that one sample of a batch absorbs.
  struct Absorbing {
    std::size_t index = 0;
    std::vector<ValueRef> events;
  };
  /// The work that remains after a take, once the mutex is free.
  struct Aftermath {
    std::vector<AnySample> dropped;   // destroyed then
    std::size_t edge = 0;             // that the sample came from
    std::vector<std::size_t> edges;   // the same, of each sample of a batch
    std::vector<ValueRef> events;     // that the sample absorbs
    std::vector<Absorbing> absorbed;  // the same, of the samples of a batch that absorb any
  };
  Taken take_locked(AnySample& sample, bool newest, Aftermath& after) FRESHFRAME_REQUIRES(mutex_);
  /// Without a wait: the next sample, or the newest.
  Taken take_now(AnySample& sample, bool newest);
  /// Joins the events that a sample absorbs, and records its age; without the mutex.
  Taken finish_take(Taken taken, AnySample& sample, const Aftermath& after);
  /// The result of take_locked() when nothing was taken.
  [[nodiscard]] Taken nothing_locked() const FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] bool any_waits_locked() const FRESHFRAME_REQUIRES(mutex_);
  /// Whether the batch cannot grow by a further wait.
  [[nodiscard]] bool gathered_locked(const Batch& batch) const FRESHFRAME_REQUIRES(mutex_);
  Taken take_batch_locked(std::vector<AnySample>& samples, const Batch& batch,
                          std::optional<TimePoint>& gather_until, Aftermath& after)
      FRESHFRAME_REQUIRES(mutex_);
  /// As finish_take(), for a batch.
  Taken finish_batch(Taken taken, std::vector<AnySample>& samples, const Aftermath& after);
  [[nodiscard]] bool stale_locked(const Lane& lane, const AnySample& sample) const;
  /// `arrival`: its number on the lane.
  void deliver_locked(std::size_t index, AnySample& sample, std::uint64_t arrival, Aftermath& after)
      FRESHFRAME_REQUIRES(mutex_);
  /// The next sample of a lane that passes; the older ones are dropped. False: there is none.
  bool take_from_locked(std::size_t index, AnySample& sample, bool newest, Aftermath& after)
      FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] bool all_ended_locked() const FRESHFRAME_REQUIRES(mutex_);
  /// The lanes whose parent may still put samples with events stay open until it ends.
  void end_lanes_without_events_locked() FRESHFRAME_REQUIRES(mutex_);
  /// After a stop: whether one more call of the consumer would end in time.
  [[nodiscard]] bool has_time_locked() const FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] bool is_over_locked() const FRESHFRAME_REQUIRES(mutex_) {
    return closed_ && clock_->now() >= drained_by_;
  }
  /// The end of a wait that began as `was_closed` says: a sample, the end, or a stop.
  [[nodiscard]] bool may_go_on_locked(bool was_closed) const FRESHFRAME_REQUIRES(mutex_) {
    return closed_ != was_closed || all_ended_locked() || any_waits_locked();
  }
  void report_first_drop(const EdgeOptions& edge) const;

  const std::string consumer_;
  const std::shared_ptr<const Clock> clock_;
  std::vector<EdgeOptions> options_;            // fixed before the threads start
  std::vector<Lanes> lanes_of_;                 // of each edge; fixed before the threads start
  std::vector<std::unique_ptr<Timings>> ages_;  // fixed before the threads start; written by the consumer
  bool drops_frames_ = false;                   // fixed before the threads start
  TimePoint taken_at_ = TimePoint::min();       // the consumer's
  const Timings* call_times_ = nullptr;         // fixed before the threads start
  std::atomic<bool> has_hook_{false};
  std::atomic<std::uint32_t> moves_{0};  // written with the mutex, read without it

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<Lane>> lanes_ FRESHFRAME_GUARDED_BY(mutex_);
  std::vector<bool> reported_ FRESHFRAME_GUARDED_BY(mutex_);  // for each edge: its first drop was logged
  std::shared_ptr<const std::function<void()>> hook_ FRESHFRAME_GUARDED_BY(mutex_);
  std::size_t next_lane_ FRESHFRAME_GUARDED_BY(mutex_) = 0;     // the next lane of the round-robin
  bool waiting_ FRESHFRAME_GUARDED_BY(mutex_) = false;          // the consumer is in take()
  AdaptiveSpin spin_ FRESHFRAME_GUARDED_BY(mutex_);             // the consumer's
  bool consumer_asleep_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // it waits on ready_
  bool closes_soon_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  bool closed_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  TimePoint drained_by_ FRESHFRAME_GUARDED_BY(mutex_) =
      TimePoint::min();  // closed_, but waiting samples or their events can be taken
  bool hands_over_ FRESHFRAME_GUARDED_BY(mutex_) =
      false;  // a stop left it open for events: none goes uncounted
  Condition ready_;
};

}  // namespace freshframe::core
