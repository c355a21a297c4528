// Errors for what newcomers try with a class and it does not have, attributes and a constructor: they show
// what to write instead.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <exception>
#include <span>
#include <string_view>

#include "bindings/border/text.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

struct AttributeHint {
  std::string_view name;
  const char* text;
};

/// For the slot tp_getattro. Like PyObject_GenericGetAttr(), but the AttributeError for a name in `hints`
/// also says what to write instead. None of these names is in the class's dir() or in its stub.
inline PyObject* attribute_or_hint(PyObject* self, PyObject* name,
                                   std::span<const AttributeHint> hints) noexcept {
  PyObject* const found = PyObject_GenericGetAttr(self, name);
  if (found != nullptr || PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return found;
  std::string_view wanted;
  if (!read_text(name, wanted)) return nullptr;
  const auto hint = std::ranges::find(hints, wanted, &AttributeHint::name);
  const bool is_known = hint != hints.end();
  PyErr_Clear();
  try {
    // Not Python's own message, which also contains the module if the class is built for the stable ABI.
    PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute '%U'%s%s", get_type_name(self).c_str(),
                 name, is_known ? ". " : "", is_known ? hint->text : "");
  } catch (const std::exception&) {
    PyErr_SetObject(PyExc_AttributeError, name);
  }
  return nullptr;
}

/// Gives a class that only the engine creates a constructor that raises a TypeError with this text. Without
/// it, nanobind's message is "no constructor defined!".
template <class T>
void refuse_construction(nanobind::class_<T>& type, const char* text) {
  type.def(
      "__init__",
      [text](nanobind::pointer_and_handle<T> /*self*/, const nanobind::args& /*values*/,
             const nanobind::kwargs& /*named*/) { throw nanobind::type_error(text); },
      nanobind::sig("def __init__(self, *args: typing.NoReturn, **kwargs: typing.NoReturn) -> None"));
}

}  // namespace freshframe::python
