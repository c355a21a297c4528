// Samples the pipeline a few times per second and remembers the data for rates, history and events.
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

/// The Unix time that answers of the server call now, in seconds.
[[nodiscard]] double unix_now();

/// One thread. The cost for the pipeline is the reading of the counters: each edge's mutex for a moment.
class Sampler {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `away_after`: seconds that a source may deliver nothing before judge_health() reports it; nullopt means any
  /// time.
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

  /// Nodes and edges come and go: what is kept of each follows its number.
  void follow_changes();
  void compute_rates(Time now);
  void judge(GilFindings gil);
  void extend_history(Time now);

  std::shared_ptr<core::PipelineCore> core_;
  Snapshot seen_;
  History history_;
  EventLog events_;
  std::deque<Moment> moments_;       // moments of the last second and one before
  std::vector<std::int64_t> nodes_;  // the numbers of those in seen_
  std::vector<std::int64_t> edges_;
  std::optional<Time> history_at_;
};

}  // namespace freshframe::serve
