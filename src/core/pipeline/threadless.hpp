// The end of an embedder's node whose thread has not begun.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/pipeline/runner/runner.hpp"

namespace freshframe::core {

/// Only for who has claimed the runner. It opens nothing.
inline void end_without_thread(Runner& runner) {
  runner.life().request_stop();
  runner.open_step();
  runner.close_step();
}

/// For a stop or a removal, which cannot wait for the thread to begin: the caller may be the handler of a signal,
/// which has interrupted the very call of add() or start() that is about to start it. The thread then does nothing.
inline void end_if_threadless(Runner& runner) {
  if (runner.facts().runs_outside && !runner.life().finished() && runner.life().claim())
    end_without_thread(runner);
}

}  // namespace freshframe::core
