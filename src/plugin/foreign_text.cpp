// Messages with text of a plugin, and the log line of a plugin that throws.
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
    } catch (...) {  // any type
    }
    log(LogLevel::Error, std::string("a plugin's ") + function + " threw, which it must not" + text);
  } catch (const std::exception&) {  // no memory: nothing more can be done here
  }
}

}  // namespace freshframe::plugin
