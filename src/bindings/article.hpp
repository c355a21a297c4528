// The article before the name of a type, for messages.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace freshframe::python {

/// "a list", "an int", "a uint8": as _check.with_article() of the Python package.
inline std::string with_article(std::string_view name) {
  const bool sounds_as_vowel =
      !name.empty() && (std::string_view("aeioAEIO").find(name[0]) != std::string_view::npos ||
                        name.starts_with("un") || name.starts_with("Un"));
  return (sounds_as_vowel ? "an " : "a ") + std::string(name);
}

}  // namespace freshframe::python
