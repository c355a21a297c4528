// The runner's counters: calls, samples, rates, processor time.
// SPDX-License-Identifier: Apache-2.0
#include <ctime>

#include "core/pipeline/own_counter.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner.hpp"

namespace freshframe::core {
namespace {

std::int64_t nanoseconds(double seconds) {
  return static_cast<std::int64_t>(seconds * 1e9);
}

std::int64_t thread_time() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return std::int64_t{spent.tv_sec} * 1'000'000'000 + spent.tv_nsec;
}

}  // namespace

void Runner::begin_work() noexcept {
  begin_work(core_.clock()->now());
}

void Runner::begin_work(TimePoint at) noexcept {
  set_state(NodeState::Working);
  work_began_ = at;
  worked_ = {};
}

void Runner::pause_work() noexcept {
  worked_ += core_.clock()->now() - work_began_;
}

void Runner::resume_work() noexcept {
  set_state(NodeState::Working);
  work_began_ = core_.clock()->now();
}

void Runner::end_tick() noexcept {
  add(busy_ns_, (worked_ + (core_.clock()->now() - work_began_)).count());
  set_state(NodeState::Waiting);
}

void Runner::end_work() noexcept {
  const auto now = core_.clock()->now();
  const auto spent = worked_ + (now - work_began_);
  durations_.add(Seconds(spent).count(), now);
  add(busy_ns_, spent.count());
  add(processed_, 1);
  count_rate(now);
  set_state(NodeState::Waiting);
}

void Runner::end_batch(std::size_t samples) noexcept {
  const auto now = core_.clock()->now();
  const auto spent = now - work_began_;
  durations_.add(Seconds(spent).count(), now);
  add(busy_ns_, spent.count());
  add(processed_, samples);
  for (std::size_t i = 0; i < samples; ++i) count_rate(now);
  count_batch(samples);
  set_state(NodeState::Waiting);
}

void Runner::count_batch(std::size_t samples) noexcept {
  if (samples > 0 && samples <= batch_sizes_.size()) add(batch_sizes_[samples - 1], 1);
}

void Runner::count_call(Seconds spent) noexcept {
  durations_.add(spent.count(), core_.clock()->now());
  add(busy_ns_, nanoseconds(spent.count()));
}

void Runner::count_processed() noexcept {
  add(processed_, 1);
  count_rate(core_.clock()->now());
}

void Runner::end_read() noexcept {
  const auto now = core_.clock()->now();
  durations_.add(Seconds(now - work_began_).count(), now);
  set_state(NodeState::Waiting);
}

void Runner::meter_gil(double waited, double held) noexcept {
  gil_wait_ns_.fetch_add(nanoseconds(waited), std::memory_order_relaxed);
  gil_hold_ns_.fetch_add(nanoseconds(held), std::memory_order_relaxed);
}

// A window begins with a sample, which it does not count. A stream that was quiet begins a new one, so that
// its silence is in no rate.
void Runner::begin_rate(TimePoint now) noexcept {
  rate_count_.store(0, std::memory_order_relaxed);
  rate_window_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
}

void Runner::count_rate(TimePoint now) noexcept {
  // The second sample says how slow a stream is.
  const bool second = rate_.load(std::memory_order_relaxed) == 0 &&
                      rate_count_.load(std::memory_order_relaxed) == 0 &&
                      rate_window_.load(std::memory_order_relaxed) != 0;
  const bool flows = second || !is_quiet(now);
  rate_latest_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  if (!flows) {
    rate_.store(0, std::memory_order_relaxed);
    begin_rate(now);
    return;
  }
  add(rate_count_, 1);
  const auto span =
      Seconds(now - TimePoint(TimePoint::duration(rate_window_.load(std::memory_order_relaxed))));
  if (span.count() < 1) return;
  const auto rate = static_cast<double>(rate_count_.load(std::memory_order_relaxed)) / span.count();
  rate_.store(rate, std::memory_order_relaxed);
  begin_rate(now);
  if (source_ != nullptr) count_thread_time();
}

// A source waits inside read(), so its share of work is its thread's processor time since the start.
void Runner::count_thread_time() noexcept {
  busy_ns_.store(thread_time() - thread_time_at_go_, std::memory_order_relaxed);
}

bool Runner::wait_for_go() {
  const bool go = core_.wait_for_go(*this);
  thread_time_at_go_ = thread_time();
  return go;
}

}  // namespace freshframe::core
