// A removal in progress.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <exception>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace freshframe::core {

/// Shared by the remove() call and the nodes that it removes. Guarded by the mutex of Life, except `drained`,
/// which is guarded by the graph's mutex.
struct Removal {
  std::set<std::string> closing;        // nodes that have not closed yet
  Stats books;                          // final statistics of the nodes that have closed
  std::exception_ptr error = {};        // the first failure of these nodes
  bool awaited = true;                  // whether a call waits and throws the error; otherwise it is logged
  std::vector<EdgeStats> drained = {};  // final counters of edges to nodes that stay
};

/// A removal that no call waits for.
[[nodiscard]] inline std::shared_ptr<Removal> unawaited_removal() {
  auto removal = std::make_shared<Removal>();
  removal->awaited = false;
  return removal;
}

}  // namespace freshframe::core
