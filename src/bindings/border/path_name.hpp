// Names of files between Python and the engine, as bytes of any encoding.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// An argument of a binding. Python's str becomes the bytes that os.fsencode() gives, which are not UTF-8 under every
/// locale. Python's bytes, which the package passes for URLs, remain as they are.
struct PathName {
  std::string bytes;
};

/// The str that os.fsdecode() gives.
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
