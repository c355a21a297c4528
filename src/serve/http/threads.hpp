// Threads that the program's signals do not reach.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <thread>

namespace freshframe::serve {

/// `name`: at most 15 letters. Signals are for the program's own threads.
[[nodiscard]] std::thread start_quiet_thread(const char* name, std::function<void()> body);

}  // namespace freshframe::serve
