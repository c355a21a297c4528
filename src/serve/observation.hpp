// One look at a pipeline, with what follows from the looks before it: rates, history, events.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/serve.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error_log.hpp"
#include "core/overview.hpp"

namespace freshframe::serve {

struct Event {
  std::uint64_t id = 0;  // from 1
  double time = 0;       // Unix time
  std::string kind;      // drop, stall, outage, reconnect, error, gil, start, end
  std::string subject;   // a node, or "parent -> child"
  std::string text;
};

/// Per second, over the last one.
struct NodeRates {
  std::map<NodeDropCause, double> drops;
  double lock_wait = 0;  // seconds per second, as the next
  double lock_hold = 0;
};
struct EdgeRates {
  double delivered = 0;
  std::map<DropCause, double> drops;
};

struct ViewInfo {
  std::string port;
  std::uint64_t encoded = 0;  // pictures
  std::size_t viewers = 0;
};

struct Observation {
  double time = 0;  // Unix time
  std::string pipeline;
  Overview overview;
  std::vector<NodeRates> node_rates;  // as overview.stats.nodes
  std::vector<EdgeRates> edge_rates;  // as overview.stats.edges
  std::optional<ErrorNote> error;     // what ended the pipeline
  LockFindings lock;
  double still = 0;        // seconds since a sample moved
  double still_limit = 0;  // seconds after which that is a stall
  std::vector<ViewInfo> views;
  std::size_t viewers = 0;
};

/// Points of a second each; nullopt where there was nothing to tell.
using Series = std::deque<std::optional<double>>;

/// The last minute. Every series has as many points; they stand in the order of Stats.
struct History {
  struct EdgeSeries {
    Series rate;     // delivered per second
    Series dropped;  // per second
    Series waiting;
    Series age_p50;
  };
  static constexpr std::size_t kPoints = 60;

  double time = 0;  // Unix time of the last point
  std::size_t points = 0;
  std::vector<EdgeSeries> edges;
  std::vector<Series> node_fps;
};

struct Health {
  bool good = false;
  std::string reason;  // "ok", or why not
};
[[nodiscard]] Health health_of(const Observation& seen);

[[nodiscard]] std::string_view to_string(LifePhase phase) noexcept;
[[nodiscard]] std::string_view to_string(NodeKind kind) noexcept;
/// "waiting_gil" for a Python node that waits for its lock.
[[nodiscard]] std::string_view state_name(NodeState state) noexcept;
/// What was measured; nullopt when nothing was: quantiles of nothing are 0.
[[nodiscard]] inline std::optional<double> measured(double quantile) {
  return quantile > 0 ? std::optional(quantile) : std::nullopt;
}
[[nodiscard]] std::string edge_name(const EdgeStats& edge);

}  // namespace freshframe::serve
