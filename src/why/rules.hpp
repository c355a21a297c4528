// The rules of findings: each takes what some seconds have shown, and names a cause if there is one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil_findings.hpp"
#include "freshframe/stats.hpp"
#include "freshframe/why.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/watch/error_log.hpp"
#include "core/watch/graph_state.hpp"
#include "why/quiet_times.hpp"

namespace freshframe::core {

/// How evenly a source gives its samples: intervals in seconds.
struct Pace {
  std::size_t samples = 0;
  double mean = 0;
  double median = 0;
};

class PipelineCore;

/// Seconds since the beginning of each thread, by its number in the kernel. Two snapshots can be subtracted.
struct RunQueue {
  std::map<int, double> waited;     // empty if the kernel does not count (gVisor, CONFIG_SCHED_INFO off)
  std::map<int, int> node_threads;  // by the number of the node

  /// Since `before`, of the threads that are in both: of a node, and of all.
  [[nodiscard]] double compute_node_load(const RunQueue& before, int node) const;
  [[nodiscard]] double compute_load(const RunQueue& before) const;
};

// ---- what a pipeline's nodes and readers have recorded, see observer.cpp
/// The age of the samples of the last seconds, taken apart.
[[nodiscard]] std::vector<Age> collect_ages(const PipelineCore& core, Seconds latest);
/// How evenly the sources have given their samples.
[[nodiscard]] std::map<std::string, Pace> collect_paces(const PipelineCore& core, Seconds latest);
[[nodiscard]] RunQueue read_run_queue(const PipelineCore& core);

/// Facts about a pipeline that its statistics do not contain.
struct Circumstances {
  std::string pipeline = {};               // the pipeline's name
  std::optional<double> still_limit = {};  // seconds without a moving sample that are a stall
  std::optional<double> away_limit = {};   // seconds without a connection after which a source is ill
  std::optional<ErrorNote> failure = {};   // the error that ended the pipeline
  GilFindings gil = {};                    // findings of a watch
  /// Seconds for which the thread of a node was ready to run and waited for a processor; nullopt if it is not known.
  std::function<std::optional<double>(int node)> waited = {};
};

/// The evidence that costs more than the counters, and is only read when a window begins or ends. Each may be empty.
struct Witness {
  std::function<Circumstances()> circumstances = {};  // at each look

  std::function<std::vector<Age>()> ages = {};  // ages of the last ten seconds
  std::function<RunQueue()> run_queue = {};
  std::function<std::map<std::int64_t, double>()> edge_ages = {};  // the median at each edge, by its number
  std::function<std::map<std::string, Pace>()> paces = {};         // by the name of the source
};

/// The looks of a window, and the counters at its beginning.
struct Window {
  static constexpr std::chrono::seconds kLength{5};

  struct EdgeSums {
    double waiting = 0;  // summed over the looks
    int full = 0;        // looks at which it had no room
  };
  struct NodeSums {
    int blocked = 0;  // looks at which it waited for room
    int away = 0;     // looks at which the source gave nothing
    /// The lag (of SourceStats) in the first and in the last third of the window; nullopt means it was not known.
    std::optional<double> most_behind_at_first = {};
    std::optional<double> least_behind_at_last = {};

    /// Notes the lag of a look when this share of the window was over.
    void note_behind(double share, double behind);
    /// Returns the seconds per second by which the source has become later. A lag that goes up and down within the window,
    /// as with the segments of a playlist, has not grown.
    [[nodiscard]] double compute_slip() const;
  };

  std::chrono::steady_clock::time_point began;
  std::chrono::steady_clock::time_point looked;
  int looks = 0;
  Stats before;
  std::vector<EdgeSums> edges;  // in the order of before.edges
  std::vector<NodeSums> nodes;  // in the order of before.nodes
  RunQueue run_queue;
};

/// A finding, and how many seconds of the mean age it explains.
struct Cause {
  Finding finding;
  double explains = 0;
  /// So many windows in a row without it end it, and 0 ends it now. nullopt means three if it is shown,
  /// otherwise one.
  std::optional<int> lasts = {};
  /// One event of some seconds reaches into two windows: they prove it together with a third, or with a later one.
  bool reaches_over = false;
};

using FindingKey = std::pair<std::string, std::string>;  // kind and subject
using Causes = std::map<FindingKey, Cause>;

/// One window that is over.
struct Scene {
  const GraphState& seen;
  const Window& window;
  double seconds;
  std::vector<Age> ages;
  RunQueue run_queue;
  std::map<std::int64_t, double> edge_ages;
  std::map<std::string, Pace> paces;
  Quiet quiet;
  std::function<double(int source)> away;  // seconds for which it has been away; 0 if it is there
  /// Returns the cause of a finding that is shown already, or null.
  std::function<const Cause*(std::string_view kind, const std::string& subject)> shown;

  /// Returns the threshold, lower for a finding that is shown already.
  [[nodiscard]] double bar(double threshold, std::string_view kind, const std::string& subject) const {
    constexpr double kStays = 0.7;  // share of a threshold: a finding stays as long as it is above
    return shown(kind, subject) != nullptr ? kStays * threshold : threshold;
  }
};

void find_unread(const Scene& scene, Causes& out);
void find_away(const Scene& scene, Causes& out);
void find_blocked(const Scene& scene, Causes& out);
void find_full_cards(const Scene& scene, Causes& out);
void find_deep_queues(const Scene& scene, Causes& out);
void find_lost_records(const Scene& scene, Causes& out);
void find_stale(const Scene& scene, Causes& out);
void find_workers(const Scene& scene, Causes& out);
void find_empty_batches(const Scene& scene, Causes& out);
void find_gil_waits(const Scene& scene, Causes& out);
void find_gil_losses(const Scene& scene, Causes& out);
void find_full_processors(const Scene& scene, Causes& out);
void find_bursts(const Scene& scene, Causes& out);

/// The index of a node in the statistics; the number of nodes for a reader.
[[nodiscard]] std::size_t find_index(const Scene& scene, const std::string& node);
/// In the order of the graph's names: "parent->child".
[[nodiscard]] std::string edge_name(const EdgeStats& edge);

/// The age in which parts of some kinds, of one node or of all (""), have the largest share.
struct AgeShare {
  double time = 0;           // seconds
  const Age* age = nullptr;  // null means there are no such parts
};
[[nodiscard]] AgeShare largest_share(const Scene& scene, std::string_view node,
                                     const std::vector<AgeKind>& kinds);
/// The part of one age.
[[nodiscard]] double sum_part(const Age& age, AgeKind kind, std::string_view node);
/// The nodes along an age's way, each once.
[[nodiscard]] std::vector<std::string> list_nodes(const Age& age);

inline constexpr std::string_view kAwayRemedy =
    "It is tried again and again. `freshframe probe` with its URL shows what answers there.";
inline constexpr std::string_view kGilRemedy =
    "ff.gil.watch() names the function that holds it; a node that computes in Python has a GIL of its own with "
    "process=True.";

constexpr int kMinute = 12;              // windows
constexpr double kShareOfAge = 1.0 / 3;  // share of the age that a cause explains
/// A wait for the GIL or for a processor is wrong even if it is short, other than that in a queue.
constexpr double kShortestPause = 0.02;     // seconds
constexpr std::size_t kFewestSamples = 30;  // samples that prove anything

}  // namespace freshframe::core
