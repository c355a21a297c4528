// Converts file names between Python's strings and the engine's bytes, which may be in any encoding.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// A file name as an argument of a binding. A str is converted as by os.fsencode(), which does not use UTF-8
/// in every locale. Bytes, which the package passes for URLs, stay as they are.
struct PathName {
  std::string bytes;
};

/// Returns the str that os.fsdecode() would return.
[[nodiscard]] inline nanobind::object python_path(std::string_view path) {
  PyObject* const made = PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size()));
  if (made == nullptr) throw nanobind::python_error();
  return nanobind::steal(made);
}

}  // namespace freshframe::python

namespace nanobind::detail {

template <>
struct type_caster<freshframe::python::PathName> {
  NB_TYPE_CASTER(freshframe::python::PathName, const_name("str | bytes"))

  bool from_python(handle object, std::uint32_t /*flags*/, cleanup_list* /*cleanup*/) noexcept {
    const bool is_text = PyUnicode_Check(object.ptr()) != 0;
    if (!is_text && PyBytes_Check(object.ptr()) == 0) return false;
    PyObject* const made = is_text ? PyUnicode_EncodeFSDefault(object.ptr()) : Py_NewRef(object.ptr());
    if (made == nullptr) {
      PyErr_Clear();
      return false;
    }
    value.bytes.assign(PyBytes_AsString(made), static_cast<std::size_t>(PyBytes_Size(made)));
    Py_DECREF(made);
    return true;
  }
};

}  // namespace nanobind::detail
