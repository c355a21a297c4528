// Looks at the pipeline a few times per second and remembers what is needed for rates, history and events.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/pipeline_core.hpp"
#include "serve/event_log.hpp"
#include "serve/observation.hpp"

namespace freshframe::serve {

/// One thread. It costs the pipeline what reading its counters costs: each edge's mutex for a moment.
class Observer {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Observer(std::shared_ptr<PipelineCore> core, std::function<LockFindings()> lock_findings);

  void look(Time now);
  [[nodiscard]] const Observation& seen() const noexcept { return seen_; }
  [[nodiscard]] Observation& seen() noexcept { return seen_; }
  [[nodiscard]] const History& history() const noexcept { return history_; }
  [[nodiscard]] const EventLog& events() const noexcept { return events_; }

 private:
  struct Look {
    Time at;
    Stats stats;
  };

  void compute_rates(Time now);
  void follow_movement(Time now);
  void extend_history(Time now);

  std::shared_ptr<PipelineCore> core_;
  std::function<LockFindings()> lock_findings_;
  Observation seen_;
  History history_;
  EventLog events_;
  std::deque<Look> looks_;  // of the last second and one before
  std::uint64_t moved_ = 0;
  std::optional<Time> moved_at_;
  std::optional<Time> history_at_;
};

}  // namespace freshframe::serve
