// A removal that is under way.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <exception>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace freshframe::core {

/// Shared by the call of remove() and the nodes that it removes. Guarded by the mutex of Life, `drained` by the
/// graph's mutex.
struct Removal {
  std::set<std::string> closing;        // the nodes that have not closed yet
  Stats books;                          // the last statistics of the nodes that have
  std::exception_ptr error = {};        // the first of their failures
  bool awaited = true;                  // a call waits for it, and throws the error; else failures are logged
  std::vector<EdgeStats> drained = {};  // the last counts of edges to nodes that stay
};

/// No call waits for it.
[[nodiscard]] inline std::shared_ptr<Removal> unawaited_removal() {
  auto removal = std::make_shared<Removal>();
  removal->awaited = false;
  return removal;
}

}  // namespace freshframe::core
