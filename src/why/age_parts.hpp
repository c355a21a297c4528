// Takes the age of samples apart: joins the records of all nodes on their way.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/why.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/watch/call_ring.hpp"

namespace freshframe::core {

/// The facts about one node or reader, as Way keeps them.
struct Stop {
  std::string name;
  bool is_source = false;
  bool is_reader = false;
  bool is_end = false;       // a reader or a sink: its samples' ages are asked for
  bool has_workers = false;  // its samples wait for a free worker
  bool gathers = false;      // it takes batches
  bool joins = false;
  /// The parents that put a sample there after an edge that blocks: they may have waited for room before.
  std::set<int> after_room = {};
  std::vector<Call> calls = {};  // the oldest first
};

/// All nodes by their numbers, and the readers after them by negative ones.
using Stops = std::map<int, Stop>;

/// Note [Parts that add up]
/// Each record has the time at which its sample was taken, and its parent's record the time at which the call that made
/// it ended. So the differences along one sample's way add up to its age, and means over the same samples do, too.
/// Means over all samples of a node would not: what an edge drops is younger or older than what it delivers.
///
/// The ages of those samples that were taken at `since` or later, of each end.
[[nodiscard]] std::vector<Age> collect_ages(const Stops& stops, TimePoint since, TimePoint now);

}  // namespace freshframe::core
