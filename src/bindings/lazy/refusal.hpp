// Raises the package's own exceptions for invalid arguments, in modules other than the engine's.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bindings/border/text.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

[[noreturn]] inline void refuse_as(const char* error, const std::string& text) {
  const nanobind::object type = nanobind::module_::import_("freshframe._errors").attr(error);
  PyErr_SetObject(type.ptr(), python_text(text).ptr());
  throw nanobind::python_error();
}

/// Raises for a value of a type that the function does not accept. Needs the GIL.
[[noreturn]] inline void refuse_type(const std::string& text) {
  refuse_as("OptionTypeError", text);
}

/// Raises for a value out of range. Needs the GIL.
[[noreturn]] inline void refuse_value(const std::string& text) {
  refuse_as("OptionError", text);
}

}  // namespace freshframe::python
