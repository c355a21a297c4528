// NumPy arrays that share a native result's memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"
#include <Python.h>

#include "freshframe/sample.hpp"

#include <array>
#include <cstddef>

#include "bindings/border/text.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

[[nodiscard]] inline PyObject*& get_slot(PyObject* object, Py_ssize_t offset) noexcept {
  return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + offset);
}

/// Returns the offset in bytes at which `instance`, whose slots are empty, keeps the value of the slot
/// `name`. Stores a value in the slot and searches for it, because the stable API has no call for the offset.
[[nodiscard]] Py_ssize_t slot_offset(nanobind::handle instance, const char* name);

/// Returns the offsets of these slots in an instance of the class.
template <std::size_t kCount>
std::array<Py_ssize_t, kCount> slot_offsets(PyTypeObject* type,
                                            const std::array<const char*, kCount>& names) {
  const auto instance = nanobind::steal(PyType_GenericAlloc(type, 0));
  if (!instance.is_valid()) throw nanobind::python_error();
  std::array<Py_ssize_t, kCount> offsets{};
  for (std::size_t i = 0; i < kCount; ++i) offsets[i] = slot_offset(instance, names[i]);
  return offsets;
}

/// Makes a frozen dataclass without calling its __init__, which costs more than the arrays. The slots that
/// are not named stay empty.
template <std::size_t kCount>
nanobind::object make_slotted(PyTypeObject* type, const std::array<Py_ssize_t, kCount>& offsets,
                              std::array<nanobind::object, kCount> values) {
  nanobind::object result = nanobind::steal(PyType_GenericAlloc(type, 0));
  if (!result.is_valid()) throw nanobind::python_error();
  for (std::size_t i = 0; i < kCount; ++i) get_slot(result.ptr(), offsets[i]) = values[i].release().ptr();
  return result;
}

/// One column of a table: `width` numbers of each row, from number `first` on. A width of 0 makes a 1-D
/// array.
struct Column {
  enum class Number { Float32, Int64, Int32, Float64, Bool };
  Number number = Number::Float32;
  Py_ssize_t first = 0;
  Py_ssize_t width = 0;
  Py_ssize_t row_numbers = 1;  // distance from one row to the next, in numbers
};

/// The memory of all arrays of one result's columns: the native result's own, or a copy.
///
/// NumPy's own constructor makes the arrays from one exporter of buffers. With warm caches, an exporter per
/// array, whose format NumPy has to parse, takes 1.8 times as long to make and three times as long to free.
/// With cold caches, as in a game that asks once per frame, both cost the same: there the first array's path
/// through NumPy dominates.
class ResultMemory {
 public:
  /// Keeps `value`. The arrays are views of its tables.
  ResultMemory(gil::Held& held, ValueRef value);
  /// Reserves `bytes` for copies.
  ResultMemory(gil::Held& held, std::size_t bytes);

  [[nodiscard]] void* room() const noexcept;
  [[nodiscard]] PyObject* exporter() const noexcept { return exporter_.ptr(); }
  /// Returns a read-only array of `rows` rows that begin at `table`, which is in the value or in the copy.
  [[nodiscard]] nanobind::object array(const Column& column, const void* table, std::size_t rows) const;

 private:
  nanobind::object exporter_;
};

}  // namespace freshframe::python
