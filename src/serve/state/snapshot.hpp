// One snapshot of a pipeline, with the values derived from earlier ones: rates, history, events.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil_findings.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/watch/error_log.hpp"
#include "core/watch/graph_state.hpp"
#include "why/rules.hpp"

namespace freshframe::serve {

/// Equal events are one: the same kind and subject, and the same cause or culprit.
struct Event {
  std::uint64_t id = 0;     // from 1; a repetition gets a new one
  double first = 0;         // Unix time
  double time = 0;          // Unix time of the newest
  std::uint64_t count = 0;  // repetitions
  std::string kind;         // drop, loss, stall, outage, reconnect, error, gil, start, end
  std::string subject;      // a node, or "parent -> child"
  std::string text;         // text of the newest
};

/// Per second, over the last one.
struct NodeRates {
  double processed = 0;
  double undecoded = 0;  // of a source, see SourceStats
  std::map<NodeDropCause, double> drops;
  double lost = 0;
  double gil_wait = 0;  // seconds per second, like the next
  double gil_hold = 0;
};
struct EdgeRates {
  double delivered = 0;
  std::map<DropCause, double> drops;
  double lost = 0;
};

/// One view of a page over /api/video.
struct WatcherInfo {
  bool jpeg = false;           // it gets JPEGs, not the camera's own pictures
  std::uint64_t left_out = 0;  // pictures, as the page was too slow
};

struct ViewInfo {
  std::string port;
  std::uint64_t encoded = 0;  // pictures
  std::size_t viewers = 0;
  std::vector<WatcherInfo> watchers = {};
};

struct LookInfo {
  std::string name;
  std::uint64_t answered = 0;  // questions
  std::uint64_t refused = 0;   // for the client's rate, or because others were being answered
  std::uint64_t failed = 0;
};

struct Snapshot {
  double time = 0;  // Unix time
  std::string pipeline;
  core::GraphState graph;
  std::vector<NodeRates> node_rates;  // as graph.stats.nodes
  std::vector<EdgeRates> edge_rates;  // as graph.stats.edges
  /// As graph.stats.nodes: seconds for which a source has delivered nothing because it has no connection.
  std::vector<std::optional<double>> away;
  std::optional<core::ErrorNote> error;  // the error that ended the pipeline
  GilFindings gil;
  std::vector<Finding> findings;  // the worst first
  std::vector<ViewInfo> views;
  std::vector<LookInfo> looks;
  std::size_t viewers = 0;
};

/// One point per second; nullopt means no data.
using Series = std::deque<std::optional<double>>;

/// The last minute. Every series has the same number of points. The series are in the order of Stats.
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
  std::vector<std::int64_t> node_numbers;  // numbers of node_rates
  std::vector<std::int64_t> edge_numbers;  // numbers of edges
  std::vector<EdgeSeries> edges;
  std::vector<Series> node_rates;
};

struct Health {
  bool good = false;
  std::string reason;  // "ok", or why not
};
[[nodiscard]] Health judge_health(const Snapshot& seen);

[[nodiscard]] std::string_view to_string(core::LifePhase phase) noexcept;
[[nodiscard]] std::string_view to_string(core::NodeKind kind) noexcept;
/// The measured value; nullopt without entries, for which quantiles are 0.
[[nodiscard]] inline std::optional<double> drop_unmeasured(double quantile) {
  return quantile > 0 ? std::optional(quantile) : std::nullopt;
}
using core::edge_name;

}  // namespace freshframe::serve
