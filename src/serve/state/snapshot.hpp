// A snapshot of a pipeline, with values derived from earlier ones: rates, history, events.
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

/// Events with the same kind, subject, and cause or culprit are combined into one.
struct Event {
  std::uint64_t id = 0;     // starts at 1; a repetition gets a new id
  double first = 0;         // Unix time
  double time = 0;          // Unix time of the newest repetition
  std::uint64_t count = 0;  // number of times
  /// drop, loss, stall, outage, reconnect, clock, frozen, decoder, change, error, gil, start or end
  std::string kind;
  std::string subject;  // name of a node, thread or pipeline, or "parent -> child"
  std::string text;     // the message
};

/// Rates per second, averaged over the last second.
struct NodeRates {
  double processed = 0;
  double undecoded = 0;  // sources only, see SourceStats
  std::map<NodeDropCause, double> drops;
  double lost = 0;
  double gil_wait = 0;  // seconds per second, as is gil_hold
  double gil_hold = 0;
};
struct EdgeRates {
  double delivered = 0;
  std::map<DropCause, double> drops;
  double lost = 0;
};

/// One view of a page on /api/video.
struct WatcherInfo {
  bool jpeg = false;           // receives JPEGs instead of the camera's own video
  std::uint64_t left_out = 0;  // frames skipped because the page was too slow
};

struct ViewInfo {
  std::string port;
  std::uint64_t encoded = 0;  // images
  std::size_t viewers = 0;
  std::vector<WatcherInfo> watchers = {};
};

struct LookInfo {
  std::string name;
  std::uint64_t answered = 0;  // requests
  std::uint64_t refused = 0;   // refused by the rate limit, or because too many were being answered
  std::uint64_t failed = 0;
};

struct Snapshot {
  double time = 0;  // Unix time
  std::string pipeline;
  core::GraphState graph;
  std::vector<NodeRates> node_rates;  // in the order of graph.stats.nodes
  std::vector<EdgeRates> edge_rates;  // in the order of graph.stats.edges
  /// In the order of graph.stats.nodes: seconds without data from a source because it is disconnected.
  std::vector<std::optional<double>> away;
  std::optional<core::ErrorNote> error;  // the error that ended the pipeline
  GilFindings gil;
  std::vector<Finding> findings;  // worst first
  std::vector<ViewInfo> views;
  std::vector<LookInfo> looks;
  std::map<std::string, std::string> sender_tokens;  // tokens of "browser:" sources, by node name
  std::size_t viewers = 0;
};

/// One point per second; nullopt for no data.
using Series = std::deque<std::optional<double>>;

/// The last minute. All series have the same number of points and are in the order of Stats.
struct History {
  struct EdgeSeries {
    Series rate;     // deliveries per second
    Series dropped;  // drops per second
    Series waiting;
    Series age_p50;
  };
  static constexpr std::size_t kPoints = 60;

  double time = 0;  // Unix time of the last point
  std::size_t points = 0;
  std::vector<std::int64_t> node_numbers;  // node numbers in the order of node_rates
  std::vector<std::int64_t> edge_numbers;  // edge numbers in the order of edges
  std::vector<EdgeSeries> edges;
  std::vector<Series> node_rates;
};

struct Health {
  bool good = false;
  std::string reason;  // "ok", or the reason why not
};
[[nodiscard]] Health judge_health(const Snapshot& seen);

[[nodiscard]] std::string_view to_string(core::LifePhase phase) noexcept;
/// "the pipeline is stopped", "the pipeline has failed"
[[nodiscard]] std::string phase_text(core::LifePhase phase);
[[nodiscard]] std::string_view to_string(core::NodeKind kind) noexcept;
/// Returns nullopt for a quantile without samples, which Stats reports as 0.
[[nodiscard]] inline std::optional<double> drop_unmeasured(double quantile) {
  return quantile > 0 ? std::optional(quantile) : std::nullopt;
}
using core::edge_name;

}  // namespace freshframe::serve
