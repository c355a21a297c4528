// Snapshots of a runner.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <string>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/runner.hpp"

namespace freshframe::core {

namespace {

double seconds_since(const std::atomic<TimePoint::rep>& time, TimePoint now) noexcept {
  return Seconds(now - TimePoint(TimePoint::duration(time.load(std::memory_order_relaxed)))).count();
}

}  // namespace

bool Runner::is_quiet(TimePoint now) const noexcept {
  if (rate_latest_.load(std::memory_order_relaxed) == 0) return true;
  const auto rate = rate_.load(std::memory_order_relaxed);
  return seconds_since(rate_latest_, now) > (rate > 0 ? std::max(1.0, 2 / rate) : 1);
}

double Runner::rate(TimePoint now) const noexcept {
  if (is_quiet(now)) return 0;
  const auto full = rate_.load(std::memory_order_relaxed);
  if (full > 0) return full;
  const auto counted = rate_count_.load(std::memory_order_relaxed);
  const auto span = seconds_since(rate_window_, now);
  return counted > 0 && span > 0 ? static_cast<double>(counted) / span : 0;
}

std::string Runner::last_error() const {
  const Lock lock(error_mutex_);
  return last_error_;
}

NodeStats Runner::stats(std::optional<Span> span) const {
  NodeStats result;
  const auto run = node_run();
  result.number = index_;
  result.name = name_;
  result.state = blocked() ? NodeState::Blocked : state();
  result.processed = processed();
  const auto uptime = core_.uptime();
  const auto now = core_.clock()->now();
  result.fps = finished() ? core_.average_rate(result.processed) : rate(now);
  const auto duration = span ? durations_.quantiles(*span, now) : Histogram::Quantiles();
  result.p50 = duration.p50;
  result.p99 = duration.p99;
  result.gil_wait = static_cast<double>(gil_wait_ns_.load(std::memory_order_relaxed)) / 1e9;
  result.gil_hold = static_cast<double>(gil_hold_ns_.load(std::memory_order_relaxed)) / 1e9;
  result.errors = errors_.load(std::memory_order_relaxed);
  result.last_error = last_error();
  result.ticks = ticks_called_.load(std::memory_order_relaxed);
  result.ticks_missed = ticks_missed_.load(std::memory_order_relaxed);
  result.workers = run->node().workers();
  const auto hands = static_cast<double>(std::max<std::size_t>(1, result.workers.size()));
  const auto busy = static_cast<double>(busy_ns_.load(std::memory_order_relaxed)) / 1e9;
  // A worker's next call is sent before its present one is back, so two of them may overlap.
  result.busy = uptime > 0 ? std::min(1.0, busy / hands / uptime) : 0;
  result.inference = run->node().inference(span.value_or(Span::Recent));
  result.spool = run->node().spool();
  for (std::size_t i = 0; i < batch_sizes_.size(); ++i) {
    if (const auto count = batch_sizes_[i].load(std::memory_order_relaxed); count > 0)
      result.batches[static_cast<int>(i) + 1] = count;
  }
  if (const auto* source = run->source(); source != nullptr && source->has_source_stats())
    // A failure of the server after the end is no outage of this source.
    result.source = run->counters().source().snapshot(finished() ? closed_at_ : now);
  for (int i = 0; i < kNodeDropCauses; ++i) {
    const auto cause = static_cast<NodeDropCause>(i);
    if (const auto count = run->counters().drops(cause); count > 0) {
      result.drops[cause] = count;
      result.dropped += count;
    }
  }
  return result;
}

}  // namespace freshframe::core
