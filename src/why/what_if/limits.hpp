// The limits of a prediction from records, with the reason.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/what_if.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "why/what_if/recording.hpp"

namespace freshframe::core {

/// The question: the node, and the nodes that have a part in the answer.
struct Asked {
  const Recording& recording;
  int node;
  const NodeChange& change;
  std::vector<int> ends;   // below it: readers and sinks
  std::set<int> involved;  // all that the samples of the ends come through, and what can hold these up
};

/// Why nothing can be known; empty means something can. Before a simulation.
[[nodiscard]] std::string explain_limits(const Asked& asked);

/// How much of the machine the nodes want. `load`: calls per second and node, as predicted.
[[nodiscard]] std::string explain_processors(const Asked& asked, const std::map<int, double>& rates);

}  // namespace freshframe::core
