// What the counters of some seconds prove about a pipeline that runs: why results are old or lost, with a remedy.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/look/graph_state.hpp"
#include "serve/state/snapshot.hpp"

namespace freshframe::serve {

/// Judges windows of five seconds. A finding is present when two windows in a row have it, and gone after three that
/// do not. There is none in the first ten seconds of a run, after a change of the graph, or after an outage of a
/// source, and none that fewer than 30 samples prove. For one thread.
class Findings {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Several looks per second. `seen`: what it was at `now`.
  void follow(const core::GraphState& seen, Time now);
  /// In the order of the pipeline; the kinds are "unread", "blocked", "queue", "stale" and "worker".
  [[nodiscard]] std::vector<Problem> present() const;

 private:
  using Key = std::pair<std::string, std::string>;  // kind and subject

  struct EdgeSums {
    double waiting = 0;  // summed over the looks
    int full = 0;        // looks at which it had no room
  };
  // The looks of the present window, and the counters at its beginning.
  struct Window {
    Time began;
    Time looked;
    int looks = 0;
    Stats before;
    std::vector<EdgeSums> edges;  // as before.edges
    std::vector<int> blocked;     // as before.nodes: looks at which the node waited for room
  };
  struct Known {
    std::string text;  // of the newest window that had it
    int with = 0;      // windows in a row that had it
    int without = 0;   // windows in a row that had it not
  };
  // One window that is over.
  struct Judged {
    const core::GraphState& seen;
    const Window& window;
    double seconds;
  };

  void begin(const core::GraphState& seen, Time now);
  void count(const core::GraphState& seen);
  void judge(const core::GraphState& seen, double seconds);
  [[nodiscard]] bool shows(std::string_view kind, const std::string& subject) const;
  [[nodiscard]] double bar(double threshold, std::string_view kind, const std::string& subject) const;
  using Found = std::map<Key, std::string>;
  void find_unread(const Judged& judged, Found& out) const;
  void find_blocked(const Judged& judged, Found& out) const;
  void find_deep_queues(const Judged& judged, Found& out) const;
  void find_stale(const Judged& judged, Found& out) const;
  static void find_workers(const Judged& judged, Found& out);

  std::optional<Time> quiet_until_;
  std::optional<Window> window_;
  std::map<Key, Known> known_;
};

}  // namespace freshframe::serve
