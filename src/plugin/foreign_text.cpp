// Messages with strings of a plugin, and logging when a plugin throws.
// SPDX-License-Identifier: Apache-2.0
#include "plugin/foreign_text.hpp"

#include "freshframe/log.hpp"

#include <cstring>
#include <exception>

#include "core/utf8.hpp"

namespace freshframe::plugin {

std::string shortened(const char* text, std::size_t most) {
  const auto size = ::strnlen(text, most + 1);
  return size <= most ? core::to_utf8({text, size}) : core::to_utf8({text, most}) + "...";
}

void log_thrown(const char* function) noexcept {
  try {
    std::string text;
    try {
      throw;
    } catch (const std::exception& thrown) {
      text = std::string(": ") + shortened(thrown.what());
    } catch (...) {  // exceptions of any type
    }
    log(LogLevel::Error, std::string("a plugin's ") + function + " threw, which it must not" + text);
  } catch (const std::exception&) {  // out of memory: nothing else can be done
  }
}

}  // namespace freshframe::plugin
