// Findings that a single check proves: failures, losses, absent sources, clocks, the GIL, joins, spools,
// stalls.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil_findings.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "core/watch/graph_state.hpp"
#include "why/quiet_times.hpp"
#include "why/rules.hpp"

namespace freshframe::core {

/// Remembers earlier checks: when counters grew, and since when no sample has moved. An error or a loss is
/// shown for ten seconds. Not thread-safe.
class States {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Returns the causes that apply at this check.
  Causes follow(const GraphState& seen, const Circumstances& around, const QuietTimes& quiet, Time now);

 private:
  /// A counter, and the time of the check that last saw it grow.
  struct Growth {
    std::uint64_t count = 0;
    std::optional<Time> at = {};

    void follow(std::uint64_t now_counted, Time now);
    [[nodiscard]] bool is_recent(Time now) const;
    /// Seconds since that check.
    [[nodiscard]] double age(Time now) const;
  };
  struct NodeGrowth {
    Growth errors;
    Growth losses;
  };
  struct Waits {
    Time at;
    double seconds;  // waiting time since the thread started
  };
  struct Holds {
    Time at;
    std::map<int, double> seconds;  // total time for which each node has held the GIL, by its number
  };
  struct Stalls {
    Time at;
    double seconds;  // in total
  };

  void follow_counters(const GraphState& seen, Time now);
  void follow_waits(const GraphState& seen, const Circumstances& around, Time now);
  void follow_movement(const GraphState& seen, Time now);
  void follow_holds(const GraphState& seen, Time now);
  void follow_stalls(const GilFindings& gil, Time now);
  /// Returns the share of the last second in which a node held the GIL.
  [[nodiscard]] double hold_share(const NodeStats& node, Time now) const;

  /// Returns a sentence if the node's thread has waited for a CPU, otherwise an empty string.
  [[nodiscard]] std::string describe_waits(int node, const std::string& name) const;

  void add_gil(const GraphState& seen, const GilFindings& gil, Time now, Causes& out) const;
  void add_losses(const GraphState& seen, Time now, Causes& out) const;

  std::map<int, NodeGrowth> nodes_;         // by node number
  std::map<std::int64_t, Growth> edges_;    // by edge number
  std::map<int, std::deque<Waits>> waits_;  // checks of the last ten seconds, and one before, by node number
  std::deque<Holds> holds_;                 // checks of the last second, and one before
  std::deque<Stalls> stalls_;               // checks of the last five seconds, and one before
  std::uint64_t moved_ = 0;                 // samples
  std::optional<Time> moved_at_;
};

/// Describes what holds the GIL.
[[nodiscard]] std::string describe_holder(const GilFindings::Stall& stall);

}  // namespace freshframe::core
