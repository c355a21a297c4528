// Log lines on their way to Python's logging.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace freshframe::python {

/// Queues a worker process's record for the logger of that name. `level` is Python's number.
void log_record(int level, const std::string& logger, const std::string& text);

}  // namespace freshframe::python
