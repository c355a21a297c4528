// Samples the pipeline a few times per second, and keeps what rates, history and events need.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "serve/state/event_log.hpp"
#include "serve/state/snapshot.hpp"

namespace freshframe::serve {

/// Current Unix time in seconds, for responses.
[[nodiscard]] double unix_now();

/// Not thread-safe. Each sample locks every edge's mutex briefly.
class Sampler {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `away_after`: seconds without data from a source before judge_health() reports it; nullopt for never.
  explicit Sampler(std::shared_ptr<core::PipelineCore> core, std::optional<double> away_after = {});

  void sample(Time now, GilFindings gil);
  [[nodiscard]] const Snapshot& snapshot() const noexcept { return seen_; }
  [[nodiscard]] Snapshot& snapshot() noexcept { return seen_; }
  [[nodiscard]] const History& history() const noexcept { return history_; }
  [[nodiscard]] const EventLog& events() const noexcept { return events_; }
  [[nodiscard]] Why why() const;

 private:
  struct Moment {
    Time at;
    Stats stats;
  };

  /// Matches the remembered data to the nodes and edges by number, because they can be added and removed.
  void follow_changes();
  void compute_rates(Time now);
  void judge(GilFindings gil);
  void extend_history(Time now);

  std::shared_ptr<core::PipelineCore> core_;
  Snapshot seen_;
  History history_;
  EventLog events_;
  std::deque<Moment> moments_;       // samples of the last second, and one before it
  std::vector<std::int64_t> nodes_;  // numbers of the nodes in seen_
  std::vector<std::int64_t> edges_;
  std::optional<Time> history_at_;
};

}  // namespace freshframe::serve
