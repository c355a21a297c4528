// Opening a node: at the start, in add(), and in replace().
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/runner/node_run.hpp"

#include "freshframe/error.hpp"
#include "freshframe/mutex.hpp"

#include <cerrno>

namespace freshframe::core {

bool NodeRun::open() {
  auto& book = counters_.source();
  book.enter(SourceState::Connecting);
  try {
    expect_no_lock();
    node_->open(context_);
  } catch (const SourceError& error) {
    if (stop_requested() && error.code() == ECANCELED) return false;
    throw;
  }
  // A source that is still waiting for a keyframe, or backing off, has set its own state.
  if (book.state() == SourceState::Connecting) book.enter(SourceState::Reading);
  return true;
}

}  // namespace freshframe::core
