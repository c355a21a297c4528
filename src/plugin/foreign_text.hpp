// Text of a plugin, which may not be UTF-8.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace freshframe::plugin {

/// For a message with a plugin's text: at most `most` bytes of it as UTF-8, then "...".
[[nodiscard]] std::string shortened(const char* text, std::size_t most = 1000);

/// Within a catch: logs that a plugin's `function` threw.
void log_thrown(const char* function) noexcept;

/// Runs a plugin's function that must not throw, as in a destructor. An exception is logged and ends there.
template <class F>
void run_contained(const char* function, const F& call) noexcept {
  try {
    call();
  } catch (...) {
    log_thrown(function);
  }
}

}  // namespace freshframe::plugin
