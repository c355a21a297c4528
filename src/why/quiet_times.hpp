// Finds branches that have just changed or lost their sources, where nothing is judged for a while.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/queue.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/watch/graph_state.hpp"

namespace freshframe::core {

/// The parts of a window that are not judged, by names of nodes and readers.
struct Quiet {
  std::set<std::string> changed = {};  // nodes and readers at or downstream of a change of the graph
  std::set<std::string> nodes = {};    // nodes whose sources all have, or just had, an outage
  std::vector<bool> edges = {};        // whether each edge is quiet, by index in the statistics' edges

  [[nodiscard]] bool has_changed(const std::string& name) const { return changed.contains(name); }
  [[nodiscard]] bool is_quiet(const std::string& name) const { return nodes.contains(name); }
};

/// Returns true if a source in this state delivers no frames. A file also passes through these states, but
/// not for long.
[[nodiscard]] bool is_away(SourceState state) noexcept;
/// Returns true if a source delivers no frames because it is connecting, waiting for a keyframe, stalled, or
/// backing off.
[[nodiscard]] bool is_away(const NodeStats& node) noexcept;

/// Call at every check. Not thread-safe.
///
/// Note [Quiet branches]
///
/// For ten seconds after an outage of a source or a change of the graph, the affected branch is not judged,
/// because samples of that time say nothing about the time after it. Other branches are: a camera that is
/// away does not affect another one's queue, and a node with ten cameras continues with nine. So a node is
/// quiet while all of its sources that have not ended are quiet, or while it is downstream of a change.
class QuietTimes {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds kQuiet{10};

  /// Returns whether the graph has changed since the previous check.
  bool follow(const GraphState& seen, Time now);
  /// Returns what is quiet in a window from `since` until `seen`.
  [[nodiscard]] Quiet find_quiet(const GraphState& seen, Time since) const;
  /// Returns the time since which a source has been away, or nullopt if it is not away.
  [[nodiscard]] std::optional<Time> away_since(int number) const;
  /// Returns the seconds for which each source has been away, by number.
  [[nodiscard]] std::map<int, double> away(Time now) const;
  /// Returns the names of sources that are still in a quiet time, and of nodes and readers downstream of a
  /// recent change.
  [[nodiscard]] std::vector<std::string> names(Time now) const;

 private:
  struct Source {
    std::string name;
    std::uint64_t outages = 0;
    std::optional<Time> away_since = {};
    Time until = {};
  };
  struct Edge {
    Queue queue;
    std::string child;

    friend bool operator==(const Edge&, const Edge&) = default;
  };

  void follow_source(const NodeStats& node, Time now);

  std::map<int, Source> sources_;        // by the node's number, as is the next member
  std::map<int, std::string> nodes_;     // the nodes at the latest check
  std::map<std::int64_t, Edge> edges_;   // the edges at the latest check
  std::map<std::string, Time> changed_;  // end of the quiet time, by name
  bool is_first_ = true;
};

}  // namespace freshframe::core
