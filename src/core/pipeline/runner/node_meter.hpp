// The work of a node at this moment, and the sums over its calls: times, rates, batch sizes, waits for the GIL.
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

/// The node's thread writes, any thread reads. A node that works on several samples at once counts its calls and the
/// samples that leave apart: count_call() and count_processed().
class NodeMeter {
 public:
  /// A call begins with a sample of `inbox`, which knows when it was taken. `largest_batch`: 0 without a batch.
  NodeMeter(const Clock& clock, const Inbox& inbox, bool is_source, int largest_batch);
  NodeMeter(const NodeMeter&) = delete;
  NodeMeter& operator=(const NodeMeter&) = delete;

  // ---- the node's thread
  void set_state(NodeState state) noexcept { state_.store(state, std::memory_order_relaxed); }
  /// Marks the beginning of one read(), on_tick() or finish() call.
  void begin_work() noexcept;
  /// Does the same at a known time: reading the clock costs as much as taking a lock.
  void begin_work(TimePoint at) noexcept;
  /// Marks the beginning of a process() call, which end_work() or end_batch() ends. The sample was taken last.
  void begin_call(const AnySample& sample) noexcept;
  void begin_call(const AnySample& sample, TimePoint at) noexcept;
  void end_work() noexcept;
  /// Is called instead of end_work(), after a call that got `samples`.
  void end_batch(std::span<const AnySample> samples) noexcept;
  /// Is called instead of end_work(), after on_tick() and finish().
  void end_tick() noexcept;
  /// Is called instead of end_work(), after a read() that returned an item: it counts when it is published.
  void end_read() noexcept;
  /// Within begin_work() and end_work(): the thread waits for its children, which is no work.
  void pause_work() noexcept;
  void resume_work() noexcept;
  /// One call has taken `spent`, until `now`.
  void count_call(Seconds spent, TimePoint now) noexcept;
  /// One sample is finished and leaves, see Call.
  void count_processed(const Call& call) noexcept;
  /// One call got `samples`; for nodes with a batch.
  void count_batch(std::size_t samples) noexcept;

  // ---- the thread of a source
  /// Its processor time counts from now on.
  void begin_thread_time() noexcept;
  void count_thread_time() noexcept;
  /// One read() and the hand-over of its item have taken `spent`, until `now`.
  void count_read(Seconds spent, TimePoint now) noexcept { durations_.add(spent.count(), now); }
  /// An item was read.
  void count_item() noexcept;
  /// An item is about to leave.
  void record(const Call& call) noexcept { calls_.add(call); }
  /// A sample has left; nodes count it in end_work() and its kind.
  void count_rate(TimePoint now) noexcept;

  // ---- the thread that calls the node with its language's lock
  /// Adds to the seconds that the node waited for, and held, the lock.
  void add_gil(double waited, double held) noexcept;
  /// Notes the wait before a call, and the waits within the calls since.
  void begin_gil_turn(double waited) noexcept;
  void end_gil_turn(double waited, double held) noexcept;

  // ---- any thread
  [[nodiscard]] NodeState state() const noexcept { return state_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t processed_count() const noexcept {
    return processed_.load(std::memory_order_relaxed);
  }
  /// The calls of the last time, see Call.
  [[nodiscard]] const CallRing& calls() const noexcept { return calls_; }
  /// How long calls take, or reads.
  [[nodiscard]] const Timings& durations() const noexcept { return durations_; }
  /// Samples per second, of about the last second.
  [[nodiscard]] double rate(TimePoint now) const noexcept;
  /// Seconds of work, of all hands.
  [[nodiscard]] double busy() const noexcept;
  /// Fills in what the meter has counted. Without quantiles if `span` is empty.
  void report(NodeStats& result, std::optional<Span> span, TimePoint now) const;

 private:
  void begin_rate(TimePoint now) noexcept;
  /// Whether a sample came a second or more after the one before, or that is the first.
  [[nodiscard]] bool flows_after_pause(TimePoint now) const noexcept;
  /// Whether nothing flows: no sample for a second, or for twice the usual time between two.
  [[nodiscard]] bool is_quiet(TimePoint now) const noexcept;
  /// Records the call that ends.
  void record_call(const CallKey& key, TimePoint done) noexcept;

  const Clock& clock_;
  const Inbox& inbox_;
  const bool is_source_;
  CallKey call_;  // the present one; the node's thread only, like the next six
  TimePoint call_began_{};
  float gil_before_ = 0;         // seconds
  bool called_in_turn_ = false;  // in the present turn with the GIL a call was recorded
  TimePoint work_began_{};
  TimePoint::duration worked_{};        // before the pause
  std::int64_t thread_time_at_go_ = 0;  // nanoseconds

  std::atomic<NodeState> state_{NodeState::Opening};
  std::atomic<std::uint64_t> processed_{0};
  std::vector<std::atomic<std::uint64_t>> batch_sizes_;  // calls with 1, 2, ... samples
  std::atomic<std::int64_t> busy_ns_{0};
  std::atomic<std::int64_t> gil_wait_ns_{0};
  std::atomic<std::int64_t> gil_hold_ns_{0};
  // The rate of the last full window of a second, and the present window; 0 before the first one.
  std::atomic<double> rate_{0};
  std::atomic<TimePoint::rep> rate_window_{0};
  std::atomic<std::uint64_t> rate_count_{0};
  std::atomic<TimePoint::rep> rate_latest_{0};  // the last sample
  Timings durations_;
  CallRing calls_;
};

}  // namespace freshframe::core
