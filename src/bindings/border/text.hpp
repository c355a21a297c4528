// Text of files, servers and libraries as Python's str, and words for messages.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] inline nanobind::str python_text(std::string_view text) {
  PyObject* const made = PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
  if (made == nullptr) throw nanobind::python_error();
  return nanobind::steal<nanobind::str>(made);
}

/// "a list", "an int", "a uint8": as _check.with_article() of the Python package.
inline std::string with_article(std::string_view name) {
  const bool sounds_as_vowel =
      !name.empty() && (std::string_view("aeioAEIO").find(name[0]) != std::string_view::npos ||
                        name.starts_with("un") || name.starts_with("Un"));
  return (sounds_as_vowel ? "an " : "a ") + std::string(name);
}

}  // namespace freshframe::python
