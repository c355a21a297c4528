// Text of Python's objects, and words for messages.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "bindings/border/made_once.hpp"
#include "gil_module/text.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Returns the function with which Python itself reads a class's __name__.
inline PyObject* find_name_getter() {
  const nanobind::handle type(reinterpret_cast<PyObject*>(&PyType_Type));
  return nanobind::object(type.attr("__dict__")["__name__"].attr("__get__")).release().ptr();
}

/// Returns the name of an object's class. Bypasses the metaclass, which may return anything as __name__.
[[nodiscard]] inline std::string get_type_name(nanobind::handle object) {
  return nanobind::cast<std::string>(nanobind::handle(made_once<&find_name_getter>())(object.type()));
}

/// Returns the object's repr() for a message, or its type if its repr() raises.
[[nodiscard]] inline std::string describe_object(nanobind::handle object) {
  PyObject* const made = PyObject_Repr(object.ptr());
  std::string_view text;
  std::string result;
  if (made != nullptr && read_text(made, text)) {
    result = text;
  } else {
    PyErr_Clear();
    result = "an object of type " + get_type_name(object);
  }
  Py_XDECREF(made);
  return result;
}

/// Checks the argument `what` with a function of the package's module _check, which may raise.
[[nodiscard]] inline nanobind::object call_check(const char* check, const char* what,
                                                 nanobind::handle given) {
  return nanobind::module_::import_("freshframe._check").attr(check)(what, given);
}

/// Returns the name with its article, such as "a list" or "an int", like _check.with_article() of the Python
/// package.
inline std::string with_article(std::string_view name) {
  const bool sounds_as_vowel =
      !name.empty() && (std::string_view("aeioAEIO").find(name[0]) != std::string_view::npos ||
                        name.starts_with("un") || name.starts_with("Un"));
  return (sounds_as_vowel ? "an " : "a ") + std::string(name);
}

}  // namespace freshframe::python
