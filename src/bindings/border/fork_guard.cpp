// Frames in the memory of a parent.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/border/fork_guard.hpp"

#include "process/memory/slab_pool.hpp"

namespace freshframe::python {

const Frame& of_this_process(const Frame& frame) {
  if (forks::Registry::instance().generation() > 0 &&
      process::SlabPool::is_inherited(frame.planes()[0].data)) {
    throw StateError(
        "this frame lies in memory that the parent of this forked process shares with worker processes and "
        "writes to: copy() it before the fork");
  }
  return frame;
}

}  // namespace freshframe::python
