// Instances of the package's classes with slots.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Python.h>

#include "freshframe/error.hpp"

#include <array>
#include <cstddef>
#include <string>

#include <structmember.h>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

namespace freshframe::python {

/// Where an instance of the class keeps the values of these slots: offsets in bytes.
template <std::size_t kCount>
std::array<Py_ssize_t, kCount> slot_offsets(PyTypeObject* type,
                                            const std::array<const char*, kCount>& names) {
  const nanobind::handle owner(reinterpret_cast<PyObject*>(type));
  std::array<Py_ssize_t, kCount> offsets{};
  for (std::size_t i = 0; i < kCount; ++i) {
    const nanobind::object descriptor = owner.attr(names[i]);
    if (Py_TYPE(descriptor.ptr()) != &PyMemberDescr_Type) {
      throw Error(nanobind::cast<std::string>(owner.attr("__name__")) + " must be a class with slots");
    }
    offsets[i] = reinterpret_cast<PyMemberDescrObject*>(descriptor.ptr())->d_member->offset;
  }
  return offsets;
}

[[nodiscard]] inline PyObject*& slot_of(PyObject* object, Py_ssize_t offset) noexcept {
  return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + offset);
}

/// Makes a frozen dataclass without calling its __init__, which costs more than the arrays. The slots that
/// are not named stay empty.
template <std::size_t kCount>
nanobind::object make_slotted(PyTypeObject* type, const std::array<Py_ssize_t, kCount>& offsets,
                              std::array<nanobind::object, kCount> values) {
  nanobind::object result = nanobind::steal(type->tp_alloc(type, 0));
  if (!result.is_valid()) throw nanobind::python_error();
  for (std::size_t i = 0; i < kCount; ++i) slot_of(result.ptr(), offsets[i]) = values[i].release().ptr();
  return result;
}

}  // namespace freshframe::python
