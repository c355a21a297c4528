// What a node is doing, and statistics of its calls: durations, rates, batch sizes, waits for the GIL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/stats.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/edge/inbox.hpp"
#include "core/watch/call_ring.hpp"

namespace freshframe::core {

/// Written by the node's thread; readers are thread-safe. Nodes that work on several samples at the same time
/// use count_call() and count_processed() instead of end_work().
class NodeMeter {
 public:
  /// `inbox` knows when the sample of a call was taken. `largest_batch` is 0 for a node without batches.
  NodeMeter(const Clock& clock, const Inbox& inbox, bool is_source, int largest_batch);
  NodeMeter(const NodeMeter&) = delete;
  NodeMeter& operator=(const NodeMeter&) = delete;

  // ---- the node's thread
  void set_state(NodeState state) noexcept { state_.store(state, std::memory_order_relaxed); }
  /// Call before read(), on_tick() or finish().
  void begin_work() noexcept;
  /// Like begin_work() with a known time, since reading the clock costs as much as locking a mutex.
  void begin_work(TimePoint at) noexcept;
  /// Call before process(), with the sample taken last. end_work() or end_batch() follows.
  void begin_call(const AnySample& sample) noexcept;
  void begin_call(const AnySample& sample, TimePoint at) noexcept;
  void end_work() noexcept;
  /// Replaces end_work() after a call with `samples`.
  void end_batch(std::span<const AnySample> samples) noexcept;
  /// Replaces end_work() after on_tick() and finish().
  void end_tick() noexcept;
  /// Replaces end_work() after a read() that returned an item. The item counts when it is published.
  void end_read() noexcept;
  /// Between begin_work() and end_work(), for time spent waiting for downstream nodes.
  void pause_work() noexcept;
  void resume_work() noexcept;
  /// Counts a call that took `spent` and ended at `now`.
  void count_call(Seconds spent, TimePoint now) noexcept;
  /// Counts a sample that is finished, see Call.
  void count_processed(const Call& call) noexcept;
  /// Counts a call with a batch.
  void count_batch(std::size_t samples) noexcept;

  // ---- a source's thread

  /// Starts to count the CPU time of the source's thread.
  void begin_thread_time() noexcept;
  void count_thread_time() noexcept;
  /// Counts a read() and the sending of its item, which took `spent` and ended at `now`.
  void count_read(Seconds spent, TimePoint now) noexcept { durations_.add(spent.count(), now); }
  /// Counts an item that was read.
  void count_item() noexcept;
  /// Call before an item is sent.
  void record(const Call& call) noexcept { calls_.add(call); }
  /// Counts a sent sample. For sources only; other nodes use end_work() and the like.
  void count_rate(TimePoint now) noexcept;

  // ---- the thread that calls the node and takes the GIL for it

  /// Adds seconds spent waiting for the GIL, and holding it.
  void add_gil(double waited, double held) noexcept;
  /// Call when the thread has acquired the GIL, after `waited` seconds. The next call records this wait.
  void begin_gil_turn(double waited) noexcept;
  /// Call when the thread has released the GIL again. Adds the seconds for which it waited for the GIL and
  /// held it.
  void end_gil_turn(double waited, double held) noexcept;

  // ---- thread-safe
  [[nodiscard]] NodeState state() const noexcept { return state_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t processed_count() const noexcept {
    return processed_.load(std::memory_order_relaxed);
  }
  /// The latest calls, see Call.
  [[nodiscard]] const CallRing& calls() const noexcept { return calls_; }
  /// Durations of calls, or of reads.
  [[nodiscard]] const Timings& durations() const noexcept { return durations_; }
  /// Samples per second, over about the last second.
  [[nodiscard]] double rate(TimePoint now) const noexcept;
  /// Seconds of work, summed over all worker threads.
  [[nodiscard]] double busy() const noexcept;
  /// Fills in the counters. Omits quantiles if `span` is empty.
  void report(NodeStats& result, std::optional<Span> span, TimePoint now) const;

 private:
  void begin_rate(TimePoint now) noexcept;
  /// Returns true if the sample is the first one, or came a second or more after the previous one.
  [[nodiscard]] bool flows_after_pause(TimePoint now) const noexcept;
  /// Returns true if there was no sample for a second, and for twice the usual interval.
  [[nodiscard]] bool is_quiet(TimePoint now) const noexcept;
  /// Records a call that has ended.
  void record_call(const CallKey& key, TimePoint done) noexcept;

  const Clock& clock_;
  const Inbox& inbox_;
  const bool is_source_;
  CallKey call_;  // current call; only used on the node's thread, as are the next six
  TimePoint call_began_{};
  float gil_before_ = 0;         // seconds
  bool called_in_turn_ = false;  // whether a call was recorded since the GIL was last acquired
  TimePoint work_began_{};
  TimePoint::duration worked_{};        // before the pause
  std::int64_t thread_time_at_go_ = 0;  // nanoseconds

  std::atomic<NodeState> state_{NodeState::Opening};
  std::atomic<std::uint64_t> processed_{0};
  std::vector<std::atomic<std::uint64_t>> batch_sizes_;  // number of calls with 1, 2, ... samples
  std::atomic<std::int64_t> busy_ns_{0};
  std::atomic<std::int64_t> gil_wait_ns_{0};
  std::atomic<std::int64_t> gil_hold_ns_{0};
  // Rate of the last full one-second window, and the current window; 0 before the first.
  std::atomic<double> rate_{0};
  std::atomic<TimePoint::rep> rate_window_{0};
  std::atomic<std::uint64_t> rate_count_{0};
  std::atomic<TimePoint::rep> rate_latest_{0};  // time of the last sample
  Timings durations_;
  CallRing calls_;
};

}  // namespace freshframe::core
