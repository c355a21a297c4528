// What happened, found by comparing a look with the one before.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "core/pipeline_core.hpp"
#include "serve/observation.hpp"

namespace freshframe::serve {

/// The newest 100 events. One thread.
class EventLog {
 public:
  static constexpr std::size_t kKept = 100;

  void follow(const Observation& seen, const PipelineCore& core);
  [[nodiscard]] const std::deque<Event>& events() const noexcept { return events_; }

 private:
  struct SourceSeen {
    std::uint64_t outages = 0;
    std::uint64_t reconnects = 0;
    std::uint64_t stalls = 0;
    double outage_seconds = 0;
  };

  void add(double time, std::string kind, std::string subject, std::string text);
  void follow_phase(const Observation& seen);
  void follow_errors(const PipelineCore& core);
  void follow_edges(const Observation& seen);
  void follow_sources(const Observation& seen);
  void follow_stall(const Observation& seen);
  void follow_lock(const Observation& seen);

  std::deque<Event> events_;
  std::uint64_t count_ = 0;
  std::optional<LifePhase> phase_;
  std::uint64_t last_error_ = 0;
  std::map<std::string, double> error_told_;              // Unix time, by node
  std::set<std::pair<std::size_t, DropCause>> dropping_;  // edge and cause that were told
  std::map<std::string, SourceSeen> sources_;
  bool stalled_ = false;
  std::uint64_t last_lock_stall_ = 0;
  std::set<std::string> culprits_;  // that were told
};

}  // namespace freshframe::serve
