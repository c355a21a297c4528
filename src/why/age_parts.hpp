// Splits the ages of samples into parts, from the records of all nodes on their way.
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

/// A node or reader that samples pass through.
struct Stop {
  std::string name;
  bool is_source = false;
  bool is_reader = false;
  bool is_end = false;       // a reader or sink, for which ages are computed
  bool has_workers = false;  // whether samples wait for a free worker
  bool gathers = false;      // takes batches
  bool joins = false;
  /// Parents with a blocking edge into this node, so their samples may have waited for room first.
  std::set<int> after_room = {};
  std::vector<Call> calls = {};  // oldest first
};

/// All nodes by number, and readers by negative numbers.
using Stops = std::map<int, Stop>;

/// Note [Parts that add up]
///
/// Each record has the time at which its sample was taken, and the parent's record has the end of the call
/// that made the sample. So the differences along one sample's way add up to its age, and so do means over
/// the same samples. Means over all samples of a node would not, because the samples that an edge drops have
/// different ages from those that it delivers.
///
/// Returns, for each end, the age of the samples that it took at `since` or later.
[[nodiscard]] std::vector<Age> collect_ages(const Stops& stops, TimePoint since, TimePoint now);

}  // namespace freshframe::core
