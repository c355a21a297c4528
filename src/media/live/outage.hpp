// Books that a live source lost its connection, and that it is back; and tells the log.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/stats.hpp"

#include <string>

namespace freshframe {

/// An outage begins at `since`, or one under way goes on for another reason: the source backs off. The log
/// has the first reason as a warning. `why`: without passwords.
void book_loss(SourceBook& book, TimePoint since, const std::string& why);

/// A frame has come from `name`, which may have been lost.
void book_frame(SourceBook& book, TimePoint now, const std::string& name);

}  // namespace freshframe
