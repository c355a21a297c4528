// The present problems, worst first: for the page's header and cards, and for `freshframe top`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "serve/state/event_log.hpp"
#include "serve/state/snapshot.hpp"

namespace freshframe::serve {

/// Drops by a queue's design are no problem. A problem that is over is shown for 10 s more.
[[nodiscard]] std::vector<Problem> problems_of(const Snapshot& seen, const EventLog& log);

}  // namespace freshframe::serve
