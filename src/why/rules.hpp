// Rules for findings: each one checks a few seconds of a pipeline and names a cause if there is one.
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

/// How regularly a source delivers its samples: intervals in seconds.
struct Pace {
  std::size_t samples = 0;
  double mean = 0;
  double median = 0;
};

class PipelineCore;

/// Seconds since each thread started, by kernel thread id. Two snapshots can be subtracted.
struct RunQueue {
  // Empty if the kernel does not count waits (gVisor, CONFIG_SCHED_INFO off).
  std::map<int, double> waited;
  std::map<int, int> node_threads;  // by node number

  /// Returns the load since `before` by threads in both snapshots: of one node, or of all.
  [[nodiscard]] double compute_node_load(const RunQueue& before, int node) const;
  [[nodiscard]] double compute_load(const RunQueue& before) const;
};

// ---- records of a pipeline's nodes and readers, see observer.cpp

/// Returns the ages of the latest samples, split into parts.
[[nodiscard]] std::vector<Age> collect_ages(const PipelineCore& core, Seconds latest);
/// Returns how regularly the sources have delivered their samples.
[[nodiscard]] std::map<std::string, Pace> collect_paces(const PipelineCore& core, Seconds latest);
[[nodiscard]] RunQueue read_run_queue(const PipelineCore& core);

/// Facts about a pipeline that are not part of its statistics.
struct Circumstances {
  std::string pipeline = {};               // the pipeline's name
  std::optional<double> still_limit = {};  // seconds without any progress that count as a stall
  std::optional<double> away_limit = {};   // seconds without a connection after which a source is reported
  std::optional<ErrorNote> failure = {};   // the error that ended the pipeline
  GilFindings gil = {};                    // findings of a GIL watch
  /// Returns the seconds for which the node's thread was ready to run but waited for a CPU; nullopt if
  /// unknown.
  std::function<std::optional<double>(int node)> waited = {};
};

/// Evidence that costs more than counters, so it is only read when a window starts or ends. Each may be
/// empty.
struct Witness {
  std::function<Circumstances()> circumstances = {};  // at each check

  std::function<std::vector<Age>()> ages = {};  // the ages over the last ten seconds
  std::function<RunQueue()> run_queue = {};
  std::function<std::map<std::int64_t, double>()> edge_ages = {};  // median age at each edge, by its number
  std::function<std::map<std::string, Pace>()> paces = {};         // regularity of each source, by name
};

/// The checks of a window, and the counters at its start.
struct Window {
  static constexpr std::chrono::seconds kLength{5};

  struct EdgeSums {
    double waiting = 0;  // waiting samples, summed over the checks
    int full = 0;        // number of checks at which the queue was full
  };
  struct NodeSums {
    int blocked = 0;  // number of checks at which the node waited for room
    int away = 0;     // number of checks at which the source delivered nothing
    /// The lag (see SourceStats) in the first and last third of the window; nullopt: unknown.
    std::optional<double> most_behind_at_first = {};
    std::optional<double> least_behind_at_last = {};

    /// Records the lag at a check; `share` is how much of the window had passed.
    void note_behind(double share, double behind);
    /// Returns by how many seconds per second the lag of the source grew. Lag that only goes up and down
    /// within the window, as with the segments of a playlist, does not count.
    [[nodiscard]] double compute_slip() const;
  };

  std::chrono::steady_clock::time_point began;
  std::chrono::steady_clock::time_point looked;
  int looks = 0;
  Stats before;
  std::vector<EdgeSums> edges;  // sums per edge, in the order of before.edges
  std::vector<NodeSums> nodes;  // sums per node, in the order of before.nodes
  RunQueue run_queue;
};

/// A finding, and how many seconds of the mean age it explains.
struct Cause {
  Finding finding;
  double explains = 0;
  /// After how many consecutive windows without the cause the finding ends; 0: immediately. nullopt: three if
  /// the finding is shown, otherwise one.
  std::optional<int> lasts = {};
  /// An event of a few seconds can span two windows, so those two are not enough: a third or later one must
  /// confirm it.
  bool reaches_over = false;
};

using FindingKey = std::pair<std::string, std::string>;  // kind and subject
using Causes = std::map<FindingKey, Cause>;

/// A finished window.
struct Scene {
  const GraphState& seen;
  const Window& window;
  double seconds;
  std::vector<Age> ages;
  RunQueue run_queue;
  std::map<std::int64_t, double> edge_ages;
  std::map<std::string, Pace> paces;
  Quiet quiet;
  std::function<double(int source)> away;  // seconds for which the source has been away; 0 if it is not
  /// Returns the cause of a finding that is already shown, or null.
  std::function<const Cause*(std::string_view kind, const std::string& subject)> shown;

  /// Returns the threshold, which is lower for a finding that is already shown.
  [[nodiscard]] double bar(double threshold, std::string_view kind, const std::string& subject) const {
    constexpr double kStays = 0.7;  // share of a threshold that a shown finding needs, to avoid flickering
    return shown(kind, subject) != nullptr ? kStays * threshold : threshold;
  }
};

void find_unread(const Scene& scene, Causes& out);
void find_away(const Scene& scene, Causes& out);
void find_blocked(const Scene& scene, Causes& out);
void find_full_cards(const Scene& scene, Causes& out);
/// Names browsers that skip many frames of their camera, and whether the link or the encoder is too slow.
void find_skipping_senders(const Scene& scene, Causes& out);
void find_deep_queues(const Scene& scene, Causes& out);
void find_lost_records(const Scene& scene, Causes& out);
void find_stale(const Scene& scene, Causes& out);
void find_workers(const Scene& scene, Causes& out);
void find_empty_batches(const Scene& scene, Causes& out);
void find_gil_waits(const Scene& scene, Causes& out);
void find_gil_losses(const Scene& scene, Causes& out);
void find_full_processors(const Scene& scene, Causes& out);
void find_bursts(const Scene& scene, Causes& out);

/// Returns a node's index in the statistics; for a reader, the number of nodes.
[[nodiscard]] std::size_t find_index(const Scene& scene, const std::string& node);
/// Names an edge as the graph does: "parent->child".
[[nodiscard]] std::string edge_name(const EdgeStats& edge);

/// The age in which parts of the given kinds have the largest share. Only parts of one node count, or of all
/// if its name is "".
struct AgeShare {
  double time = 0;           // seconds
  const Age* age = nullptr;  // null if no age has such parts
};
[[nodiscard]] AgeShare largest_share(const Scene& scene, std::string_view node,
                                     const std::vector<AgeKind>& kinds);
/// Returns the total of some parts of one age.
[[nodiscard]] double sum_part(const Age& age, AgeKind kind, std::string_view node);
/// Returns the nodes along an age's path, each once.
[[nodiscard]] std::vector<std::string> list_nodes(const Age& age);

/// Returns what the user can do about a source that delivers nothing.
[[nodiscard]] std::string away_remedy(const SourceStats& source);
inline constexpr std::string_view kGilRemedy =
    "Use ff.gil.watch() to find the function that holds it, or give a node that computes in Python its own "
    "GIL with process=True.";

constexpr int kMinute = 12;              // windows
constexpr double kShareOfAge = 1.0 / 3;  // a wait is only reported if it is this share of the age
/// Waiting for the GIL or a CPU is a problem even if it is short, unlike waiting in a queue.
constexpr double kShortestPause = 0.02;     // seconds
constexpr std::size_t kFewestSamples = 30;  // minimum number of samples for any finding

}  // namespace freshframe::core
