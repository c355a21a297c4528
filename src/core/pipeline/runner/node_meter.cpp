// Counters of a node: calls, samples, rates, CPU time.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/runner/node_meter.hpp"

#include <algorithm>

#include "core/pipeline/runner/own_counter.hpp"
#include "platform/thread.hpp"

namespace freshframe::core {
namespace {

std::int64_t nanoseconds(double seconds) {
  return static_cast<std::int64_t>(seconds * 1e9);
}

double seconds_since(const std::atomic<TimePoint::rep>& time, TimePoint now) noexcept {
  return Seconds(now - TimePoint(TimePoint::duration(time.load(std::memory_order_relaxed)))).count();
}

double read_seconds(const std::atomic<std::int64_t>& sum_ns) noexcept {
  return static_cast<double>(sum_ns.load(std::memory_order_relaxed)) / 1e9;
}

}  // namespace

NodeMeter::NodeMeter(const Clock& clock, const Inbox& inbox, bool is_source, int largest_batch)
    : clock_(clock),
      inbox_(inbox),
      is_source_(is_source),
      batch_sizes_(static_cast<std::size_t>(largest_batch)) {}

void NodeMeter::begin_work() noexcept {
  begin_work(clock_.now());
}

void NodeMeter::begin_work(TimePoint at) noexcept {
  set_state(NodeState::Working);
  work_began_ = at;
  worked_ = {};
}

void NodeMeter::begin_call(const AnySample& sample) noexcept {
  begin_call(sample, clock_.now());
}

void NodeMeter::begin_call(const AnySample& sample, TimePoint at) noexcept {
  call_ = CallKey::make(sample);
  call_began_ = at;
  begin_work(at);
}

void NodeMeter::record_call(const CallKey& key, TimePoint done) noexcept {
  auto call = Call::make(key);
  call.taken = inbox_.taken_at();
  call.done = done;
  call.start = static_cast<float>(Seconds(call_began_ - call.taken).count());
  call.gil_before = gil_before_;
  call.gathered = static_cast<float>(inbox_.gathered_for().count());
  call.waited = waited_for_room().count();
  calls_.add(call);
  called_in_turn_ = true;
}

void NodeMeter::pause_work() noexcept {
  worked_ += clock_.now() - work_began_;
}

void NodeMeter::resume_work() noexcept {
  set_state(NodeState::Working);
  work_began_ = clock_.now();
}

void NodeMeter::end_tick() noexcept {
  add(busy_ns_, (worked_ + (clock_.now() - work_began_)).count());
  set_state(NodeState::Waiting);
}

void NodeMeter::end_work() noexcept {
  const auto now = clock_.now();
  const auto spent = worked_ + (now - work_began_);
  durations_.add(Seconds(spent).count(), now);
  add(busy_ns_, spent.count());
  add(processed_, 1);
  count_rate(now);
  record_call(call_, now);
  gil_before_ = 0;
  set_state(NodeState::Waiting);
}

void NodeMeter::end_batch(std::span<const AnySample> samples) noexcept {
  const auto now = clock_.now();
  const auto spent = now - work_began_;
  durations_.add(Seconds(spent).count(), now);
  add(busy_ns_, spent.count());
  add(processed_, samples.size());
  for (const auto& sample : samples) {
    count_rate(now);
    record_call(CallKey::make(sample), now);
  }
  gil_before_ = 0;
  count_batch(samples.size());
  set_state(NodeState::Waiting);
}

void NodeMeter::count_batch(std::size_t samples) noexcept {
  if (samples > 0 && samples <= batch_sizes_.size()) add(batch_sizes_[samples - 1], 1);
}

void NodeMeter::count_call(Seconds spent, TimePoint now) noexcept {
  durations_.add(spent.count(), now);
  add(busy_ns_, nanoseconds(spent.count()));
}

void NodeMeter::count_processed(const Call& call) noexcept {
  const auto now = clock_.now();
  add(processed_, 1);
  count_rate(now);
  auto left = call;
  left.order = static_cast<float>(Seconds(now - call.done).count());
  calls_.add(left);
}

void NodeMeter::end_read() noexcept {
  const auto now = clock_.now();
  durations_.add(Seconds(now - work_began_).count(), now);
  set_state(NodeState::Waiting);
}

void NodeMeter::add_gil(double waited, double held) noexcept {
  gil_wait_ns_.fetch_add(nanoseconds(waited), std::memory_order_relaxed);
  gil_hold_ns_.fetch_add(nanoseconds(held), std::memory_order_relaxed);
}

void NodeMeter::begin_gil_turn(double waited) noexcept {
  add_gil(waited, 0);
  gil_before_ = static_cast<float>(waited);
  called_in_turn_ = false;
}

void NodeMeter::end_gil_turn(double waited, double held) noexcept {
  add_gil(waited, held);
  if (waited > 0 && called_in_turn_) calls_.add_gil(waited);
}

void NodeMeter::count_item() noexcept {
  add(processed_, 1);
}

// Starts a window with a sample that it does not count. After a pause a new window starts, so that the pause
// is not part of any rate.
void NodeMeter::begin_rate(TimePoint now) noexcept {
  rate_count_.store(0, std::memory_order_relaxed);
  rate_window_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
}

void NodeMeter::count_rate(TimePoint now) noexcept {
  constexpr auto kWindow = TimePoint::duration(std::chrono::seconds(1)).count();
  const auto at = now.time_since_epoch().count();
  const auto window = rate_window_.load(std::memory_order_relaxed);
  const auto latest = rate_latest_.load(std::memory_order_relaxed);
  const bool flows = at - latest <= kWindow || flows_after_pause(now);
  rate_latest_.store(at, std::memory_order_relaxed);
  if (!flows) {
    rate_.store(0, std::memory_order_relaxed);
    begin_rate(now);
    return;
  }
  add(rate_count_, 1);
  if (at - window < kWindow) return;
  const auto span = Seconds(TimePoint::duration(at - window)).count();
  rate_.store(static_cast<double>(rate_count_.load(std::memory_order_relaxed)) / span,
              std::memory_order_relaxed);
  begin_rate(now);
  if (is_source_) count_thread_time();
}

// Returns true if a sample after a long gap still belongs to the stream: it is the second one since a pause,
// or the stream is always this slow.
bool NodeMeter::flows_after_pause(TimePoint now) const noexcept {
  const bool second = rate_.load(std::memory_order_relaxed) == 0 &&
                      rate_count_.load(std::memory_order_relaxed) == 0 &&
                      rate_window_.load(std::memory_order_relaxed) != 0;
  return second || !is_quiet(now);
}

// A source waits inside read(), so its busy time is its thread's CPU time since the start.
void NodeMeter::count_thread_time() noexcept {
  busy_ns_.store(platform::processor_time().count() - thread_time_at_go_, std::memory_order_relaxed);
}

void NodeMeter::begin_thread_time() noexcept {
  thread_time_at_go_ = platform::processor_time().count();
}

bool NodeMeter::is_quiet(TimePoint now) const noexcept {
  if (rate_latest_.load(std::memory_order_relaxed) == 0) return true;
  const auto rate = rate_.load(std::memory_order_relaxed);
  return seconds_since(rate_latest_, now) > (rate > 0 ? std::max(1.0, 2 / rate) : 1);
}

double NodeMeter::rate(TimePoint now) const noexcept {
  if (is_quiet(now)) return 0;
  const auto full = rate_.load(std::memory_order_relaxed);
  if (full > 0) return full;
  const auto counted = rate_count_.load(std::memory_order_relaxed);
  const auto span = seconds_since(rate_window_, now);
  return counted > 0 && span > 0 ? static_cast<double>(counted) / span : 0;
}

double NodeMeter::busy() const noexcept {
  return read_seconds(busy_ns_);
}

void NodeMeter::report(NodeStats& result, std::optional<Span> span, TimePoint now) const {
  result.processed = processed_count();
  const auto duration = span ? durations_.quantiles(*span, now) : Histogram::Quantiles();
  result.duration_p50 = duration.p50;
  result.duration_p99 = duration.p99;
  result.gil_wait = read_seconds(gil_wait_ns_);
  result.gil_hold = read_seconds(gil_hold_ns_);
  for (std::size_t i = 0; i < batch_sizes_.size(); ++i) {
    if (const auto count = batch_sizes_[i].load(std::memory_order_relaxed); count > 0)
      result.batches[static_cast<int>(i) + 1] = count;
  }
}

}  // namespace freshframe::core
