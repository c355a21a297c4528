// The trace of an execution as text.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "scheduler.hpp"

namespace freshframe::interleave {

/// Returns file and line of a place in the engine's or the program's own code; empty if unknown. Runs
/// addr2line.
std::string source_line(const void* place);
/// One line per operation: thread, kind, object, and the source lines of it and its callers.
void print_trace(const Scheduler& scheduler);

}  // namespace freshframe::interleave
