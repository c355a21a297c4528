// NumPy arrays that share a native result's memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/sample.hpp"

#include <cstddef>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// One column of a table of rows: `width` numbers from `first` on, in each of `rows` rows. 0: a 1-D array.
struct Column {
  enum class Number { Float32, Int64, Int32, Float64, Bool };
  Number number = Number::Float32;
  Py_ssize_t first = 0;
  Py_ssize_t width = 0;
  Py_ssize_t row_numbers = 1;  // from one row to the next
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
  /// Has room for `bytes` of copies.
  ResultMemory(gil::Held& held, std::size_t bytes);

  [[nodiscard]] void* room() const noexcept;
  [[nodiscard]] PyObject* exporter() const noexcept { return exporter_.ptr(); }
  /// A read-only array of `rows` rows that begin at `table`, which is in the value or in the copy.
  [[nodiscard]] nanobind::object array(const Column& column, const void* table, std::size_t rows) const;

 private:
  nanobind::object exporter_;
};

}  // namespace freshframe::python
