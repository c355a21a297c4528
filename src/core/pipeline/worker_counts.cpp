// The worker's counters: calls, samples, rates, processor time.
// SPDX-License-Identifier: Apache-2.0
#include <ctime>

#include "core/pipeline/own_counter.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/worker.hpp"

namespace freshframe::core {
namespace {

std::int64_t nanoseconds(double seconds) {
  return static_cast<std::int64_t>(seconds * 1e9);
}

}  // namespace

void Worker::begin_work() noexcept {
  set_state(NodeState::Working);
  work_began_ = core_.clock()->now();
}

void Worker::end_work() noexcept {
  const auto now = core_.clock()->now();
  const auto spent = now - work_began_;
  durations_.add(Seconds(spent).count());
  add(busy_ns_, spent.count());
  add(processed_, 1);
  count_rate(now);
  set_state(NodeState::Waiting);
}

void Worker::end_batch(std::size_t samples) noexcept {
  const auto now = core_.clock()->now();
  const auto spent = now - work_began_;
  durations_.add(Seconds(spent).count());
  add(busy_ns_, spent.count());
  add(processed_, samples);
  for (std::size_t i = 0; i < samples; ++i) count_rate(now);
  count_batch(samples);
  set_state(NodeState::Waiting);
}

void Worker::count_batch(std::size_t samples) noexcept {
  if (samples > 0 && samples <= batch_sizes_.size()) add(batch_sizes_[samples - 1], 1);
}

void Worker::count_call(Seconds spent) noexcept {
  durations_.add(spent.count());
  add(busy_ns_, nanoseconds(spent.count()));
}

void Worker::count_processed() noexcept {
  add(processed_, 1);
  count_rate(core_.clock()->now());
}

void Worker::end_read() noexcept {
  durations_.add(Seconds(core_.clock()->now() - work_began_).count());
  set_state(NodeState::Waiting);
}

void Worker::meter_gil(double waited, double held) noexcept {
  gil_wait_ns_.fetch_add(nanoseconds(waited), std::memory_order_relaxed);
  gil_hold_ns_.fetch_add(nanoseconds(held), std::memory_order_relaxed);
}

void Worker::count_rate(TimePoint now) noexcept {
  ++rate_count_;
  if (rate_window_ == TimePoint{}) rate_window_ = now;
  const auto span = Seconds(now - rate_window_).count();
  if (span < 1.0) return;
  rate_.store(static_cast<double>(rate_count_) / span, std::memory_order_relaxed);
  rate_updated_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  rate_window_ = now;
  rate_count_ = 0;
  if (source_ != nullptr) count_thread_time();
}

// A source waits inside read(), so its share of work is its thread's processor time.
void Worker::count_thread_time() noexcept {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  busy_ns_.store(std::int64_t{spent.tv_sec} * 1'000'000'000 + spent.tv_nsec, std::memory_order_relaxed);
}

}  // namespace freshframe::core
