// Converts values on edges to Python objects and back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/node.hpp"
#include "freshframe/results.hpp"
#include "freshframe/sample.hpp"

#include <span>
#include <string>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// A Python object whose contents the engine does not use.
struct PythonObject {
  gil::Ref object;
};

/// Returns the Python object of a sample's value. Not for samples whose value is their frame.
[[nodiscard]] nanobind::object to_python(gil::Held& held, const ValueRef& value);
/// Converts what a Python node returned (not None) to a Frame, native Circles or Detections, or an opaque
/// object. `wanted`: the types that a native child takes, if there is one. Arrays, numbers and supervision's
/// Detections are then converted to one of them.
[[nodiscard]] Emitted from_python(gil::Held& held, nanobind::handle object,
                                  std::span<const TypeInfo* const> wanted = {});
/// Returns the TypeInfo for "Frame", "Circles" or "nothing". Returns null, which stands for any type, for
/// "object" and "any".
[[nodiscard]] const TypeInfo* find_type(const std::string& kind);

}  // namespace freshframe::python

// Python objects that came with them are released through the deferred queue.
template <>
inline constexpr bool freshframe::gil::python_free<freshframe::Detections> = true;
template <>
inline constexpr bool freshframe::gil::python_free<freshframe::ValueRef> = true;
template <>
inline constexpr std::string_view freshframe::kTypeName<freshframe::python::PythonObject> = "a Python object";
