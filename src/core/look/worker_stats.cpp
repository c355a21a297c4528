// Snapshots of a worker.
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/worker.hpp"

namespace freshframe::core {

double Worker::rate(TimePoint now) const noexcept {
  constexpr double kForgotten = 3.0;  // seconds without a full window: the last rate is outdated
  const auto updated = TimePoint(TimePoint::duration(rate_updated_.load(std::memory_order_relaxed)));
  if (updated == TimePoint{} || Seconds(now - updated).count() > kForgotten)
    return core_.average_rate(processed());
  return rate_.load(std::memory_order_relaxed);
}

std::string Worker::last_error() const {
  const Lock lock(error_mutex_);
  return last_error_;
}

NodeStats Worker::stats() const {
  NodeStats result;
  result.name = name_;
  result.state = blocked() ? NodeState::Blocked : state();
  result.processed = processed();
  const auto uptime = core_.uptime();
  result.fps = finished() ? core_.average_rate(result.processed) : rate(core_.clock()->now());
  result.busy = uptime > 0 ? static_cast<double>(busy_ns_.load(std::memory_order_relaxed)) / 1e9 / uptime : 0;
  const auto duration = durations_.quantiles();
  result.p50 = duration.p50;
  result.p99 = duration.p99;
  result.gil_wait = static_cast<double>(gil_wait_ns_.load(std::memory_order_relaxed)) / 1e9;
  result.gil_hold = static_cast<double>(gil_hold_ns_.load(std::memory_order_relaxed)) / 1e9;
  result.errors = errors_.load(std::memory_order_relaxed);
  result.last_error = last_error();
  result.workers = node_->workers();
  result.inference = node_->inference();
  for (std::size_t i = 0; i < batch_sizes_.size(); ++i) {
    if (const auto count = batch_sizes_[i].load(std::memory_order_relaxed); count > 0)
      result.batches[static_cast<int>(i) + 1] = count;
  }
  if (source_ != nullptr && source_->has_source_stats())
    // A failure of the server after the end is no outage of this source.
    result.source = counters_.source().snapshot(finished() ? closed_at_ : core_.clock()->now());
  for (int i = 0; i < kNodeDropCauses; ++i) {
    const auto cause = static_cast<NodeDropCause>(i);
    if (const auto count = counters_.drops(cause); count > 0) {
      result.drops[cause] = count;
      result.dropped += count;
    }
  }
  return result;
}

}  // namespace freshframe::core
