// How far the stream of a live source has come at a node, however slow the nodes between them are.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "core/pipeline/graph/graph.hpp"

namespace freshframe::core {

class PipelineParts;

/// Distinguishes a silent source from a slow node. A node that must notice when nothing arrives any longer has one, and
/// looks at each tick. For one thread.
///
/// Note [Silence]
/// A node upstream that has something in hand may still send it, so only the calls that it has certainly finished say
/// how far it has come: all but those of its latest turn, whose results may be about to leave. A node that has taken
/// nothing of the source between two looks, and has waited or has ended two turns meanwhile, has nothing of it in hand:
/// there its parents say it. The source itself has sent all that it captured. Parents are looked at before their
/// children, so that a sample that moves between two nodes is seen.
class Arrivals {
 public:
  explicit Arrivals(int node) noexcept : node_(node) {}

  /// Returns the time of capture up to which everything from a live source has arrived at the node or was dropped. Returns
  /// nullopt if that is not known: samples are on their way, or the source is a file or has been removed.
  [[nodiscard]] std::optional<TimePoint> until(const PipelineParts& core, int source);

 private:
  struct Look {
    std::uint64_t delivered = 0;                // samples of the source that the node had taken
    TimePoint since{};                          // no look since then has found another number
    std::optional<TimePoint> waits_since = {};  // each look since then has found the node waiting
  };

  [[nodiscard]] std::optional<TimePoint> at_input(const Graph& graph, int node, int source, TimePoint now);
  [[nodiscard]] std::optional<TimePoint> at_output(const Graph& graph, int node, int source, TimePoint now);
  [[nodiscard]] bool has_rested(const Runner& runner, int source, TimePoint now);

  int node_;
  std::map<std::pair<int, int>, Look> looks_;  // by the numbers of the node and the source
};

/// Returns true if a node has taken everything, and nothing more will come.
[[nodiscard]] bool has_input_ended(const PipelineParts& core, int node);
/// Returns true if the source sends samples as they are captured, and has not been removed.
[[nodiscard]] bool is_live_source(const PipelineParts& core, int source);

}  // namespace freshframe::core
