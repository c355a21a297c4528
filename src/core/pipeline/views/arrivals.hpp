// How much of a live source's stream has arrived at a node, even if nodes in between are slow.
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

/// Distinguishes a silent source from a slow node. Used on every tick by nodes that must notice when nothing
/// arrives any more. Not thread-safe.
/// Note [Silence]
///
/// A node upstream may still send what it is working on, so only calls that have definitely finished count:
/// all but those of its latest turn, whose results may be about to be sent. If a node took nothing of the
/// source between two checks, and was waiting or finished two turns in that time, it is not working on
/// anything of the source, and its parents decide. The source itself has sent everything that it captured.
/// Parents are checked before their children, so that a sample moving between two nodes is not missed.
class Arrivals {
 public:
  explicit Arrivals(int node) noexcept : node_(node) {}

  /// Returns the capture time up to which everything from a live source has arrived at the node or was
  /// dropped. Returns nullopt if unknown: samples are in flight, or the source is a file or was removed.
  [[nodiscard]] std::optional<TimePoint> until(const PipelineParts& core, int source);
  /// Returns until() of each source upstream, if known.
  [[nodiscard]] std::map<int, TimePoint> list(const PipelineParts& core);

 private:
  struct Look {
    std::uint64_t delivered = 0;                // samples of the source that the node has taken
    TimePoint since{};                          // `delivered` has been the same since then
    std::optional<TimePoint> waits_since = {};  // time since which samples have been waiting at every check
  };

  [[nodiscard]] std::optional<TimePoint> at_input(const Graph& graph, int node, int source, TimePoint now);
  [[nodiscard]] std::optional<TimePoint> at_output(const Graph& graph, int node, int source, TimePoint now);
  [[nodiscard]] bool has_rested(const Runner& runner, int source, TimePoint now);

  int node_;
  std::map<std::pair<int, int>, Look> looks_;  // by the numbers of node and source
};

/// Returns true if the node has taken everything and nothing more will arrive, or all sources upstream have
/// ended and no other source can be connected. In the second case, the last samples may still be on the way.
[[nodiscard]] bool has_input_ended(const PipelineParts& core, int node);
/// Returns true if the source sends samples as they are captured, and was not removed.
[[nodiscard]] bool is_live_source(const PipelineParts& core, int source);

}  // namespace freshframe::core
