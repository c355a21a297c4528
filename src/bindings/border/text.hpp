// Text of files, servers and libraries as Python's str.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] inline nanobind::str python_text(std::string_view text) {
  PyObject* const made = PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
  if (made == nullptr) throw nanobind::python_error();
  return nanobind::steal<nanobind::str>(made);
}

}  // namespace freshframe::python
