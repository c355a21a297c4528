// Converts text from files, servers and libraries to str, without an error for bytes that are not UTF-8.
// SPDX-License-Identifier: Apache-2.0
//
// nanobind's own casters for std::string raise UnicodeDecodeError for such bytes. A single one in a camera's
// name would make stats() raise for all cameras. So this header replaces the casters, and
// tools/check_layers.py rejects files that include nanobind's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Replaces bytes that are not UTF-8 with U+FFFD. Returns a new reference, or null with an exception set.
[[nodiscard]] inline PyObject* new_text(std::string_view text) noexcept {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
}

/// Replaces bytes that are not UTF-8 with U+FFFD.
[[nodiscard]] inline nanobind::str python_text(std::string_view text) {
  PyObject* const made = new_text(text);
  if (made == nullptr) throw nanobind::python_error();
  return nanobind::steal<nanobind::str>(made);
}

/// Gets a view of the UTF-8 bytes of a str. Returns false if it is not a str, or has lone surrogates.
[[nodiscard]] inline bool read_text(nanobind::handle object, std::string_view& text) noexcept {
  if (PyUnicode_Check(object.ptr()) == 0) return false;
  Py_ssize_t size = 0;
  const char* const bytes = PyUnicode_AsUTF8AndSize(object.ptr(), &size);
  if (bytes == nullptr) {
    PyErr_Clear();
    return false;
  }
  text = {bytes, static_cast<std::size_t>(size)};
  return true;
}

}  // namespace freshframe::python

namespace nanobind::detail {

template <>
struct type_caster<std::string> {
  NB_TYPE_CASTER(std::string, const_name("str"))

  bool from_python(handle object, std::uint32_t /*flags*/, cleanup_list* /*cleanup*/) noexcept {
    std::string_view text;
    if (!freshframe::python::read_text(object, text)) return false;
    value = text;
    return true;
  }
  static handle from_cpp(const std::string& text, rv_policy /*policy*/, cleanup_list* /*cleanup*/) noexcept {
    return freshframe::python::new_text(text);
  }
};

template <>
struct type_caster<std::string_view> {
  NB_TYPE_CASTER(std::string_view, const_name("str"))

  bool from_python(handle object, std::uint32_t /*flags*/, cleanup_list* /*cleanup*/) noexcept {
    return freshframe::python::read_text(object, value);
  }
  static handle from_cpp(std::string_view text, rv_policy /*policy*/, cleanup_list* /*cleanup*/) noexcept {
    return freshframe::python::new_text(text);
  }
};

}  // namespace nanobind::detail
