// Strings from a plugin, which may not be UTF-8.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace freshframe::plugin {

/// Shortens a string for messages: at most `most` bytes as UTF-8, then "...".
[[nodiscard]] std::string shortened(const char* text, std::size_t most = 1000);

/// Must be called in a catch block. Logs that a plugin's `function` has thrown.
void log_thrown(const char* function) noexcept;

/// Runs a plugin's function that must not throw, such as a destructor. An exception is logged and swallowed.
template <class F>
void run_contained(const char* function, const F& call) noexcept {
  try {
    call();
  } catch (...) {
    log_thrown(function);
  }
}

}  // namespace freshframe::plugin
