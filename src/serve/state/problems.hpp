// What is broken now, worst first: for the page's header and cards, and for `freshframe top`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "serve/state/event_log.hpp"
#include "serve/state/snapshot.hpp"

namespace freshframe::serve {

/// Drops that a queue was asked for are no problem. One that is over is shown for 10 s more.
[[nodiscard]] std::vector<Problem> problems_of(const Snapshot& seen, const EventLog& log);

}  // namespace freshframe::serve
