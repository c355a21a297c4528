// Tables of native nodes as Python objects, and Python's arrays as tables for native nodes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/native.hpp"
#include "freshframe/sample.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// A dict of read-only arrays, or one array; the object itself where a Python node gave it. The arrays are
/// views of the value's memory.
[[nodiscard]] nanobind::object table_to_python(gil::Held& held, const ValueRef& value,
                                               const native::Table& table);
/// A Python node's result in the form that a child takes: a number, an array, a mapping of arrays or
/// Detections.
/// Empty: `wanted` is another type, or the object is not of that kind.
[[nodiscard]] ValueRef wanted_from_python(gil::Held& held, nanobind::handle object, const TypeInfo* wanted);

}  // namespace freshframe::python
