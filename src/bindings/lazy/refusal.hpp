// Refusals of arguments in modules beside the engine's: with the package's own exceptions.
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

/// A value of a type that the function does not accept. The GIL is held.
[[noreturn]] inline void refuse_type(const std::string& text) {
  refuse_as("OptionTypeError", text);
}

/// A value out of range. The GIL is held.
[[noreturn]] inline void refuse_value(const std::string& text) {
  refuse_as("OptionError", text);
}

}  // namespace freshframe::python
