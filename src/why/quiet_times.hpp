// Which branches of a graph have just changed, or have lost their sources: nothing is judged there for a while.
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

/// The parts of a window that are not judged, by the names of nodes and readers.
struct Quiet {
  std::set<std::string> changed = {};  // a change of the graph is above or at it
  std::set<std::string> nodes = {};    // nodes whose sources all have, or have just had, an outage
  std::vector<bool> edges = {};        // by the statistics' edges: the same for all that passes one

  [[nodiscard]] bool has_changed(const std::string& name) const { return changed.contains(name); }
  [[nodiscard]] bool is_quiet(const std::string& name) const { return nodes.contains(name); }
};

/// Whether a source in this state gives no frames. A file also passes through these states, but not for long.
[[nodiscard]] bool is_away(SourceState state) noexcept;
/// A source does not give its frames: it connects, waits for a keyframe, has stalled, or waits before the next attempt.
[[nodiscard]] bool is_away(const NodeStats& node) noexcept;

/// Follows the looks. For one thread.
///
/// Note [Quiet branches]
/// Ten seconds after an outage of a source, or after a change of the graph, are not judged: the samples of that time
/// say nothing about the time after it. This holds for the branch. A camera that stays away has nothing to do with the
/// queue of another one, and a node of ten cameras goes on with nine of them. So a node is quiet while *all* of its
/// sources are that have not ended, or while it is below a change.
class QuietTimes {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds kQuiet{10};

  /// Returns true if the graph is another one than at the look before.
  bool follow(const GraphState& seen, Time now);
  /// The quiet times of a window that began at `since` and ends with `seen`.
  [[nodiscard]] Quiet find_quiet(const GraphState& seen, Time since) const;
  /// Since when a source has been away; nullopt means it is there.
  [[nodiscard]] std::optional<Time> away_since(int number) const;
  /// The seconds for which each source has been away, by its number.
  [[nodiscard]] std::map<int, double> away(Time now) const;
  /// Sources with a quiet time, and the nodes and readers below a change.
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

  std::map<int, Source> sources_;        // by the node's number, like the next
  std::map<int, std::string> nodes_;     // at the latest look
  std::map<std::int64_t, Edge> edges_;   // at the latest look
  std::map<std::string, Time> changed_;  // until when
  bool is_first_ = true;
};

}  // namespace freshframe::core
