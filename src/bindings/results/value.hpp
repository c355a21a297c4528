// Values on edges as Python objects, and Python objects as values on edges.
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

/// Any Python object, opaque to the engine.
struct PythonObject {
  gil::Ref object;
};

/// The value of a sample whose value is not its frame.
[[nodiscard]] nanobind::object to_python(gil::Held& held, const ValueRef& value);
/// The value that a Python node returned (not None): a Frame, native Circles or Detections, or an opaque
/// object. `wanted`: the types that a native child takes, if there is one. Arrays, numbers and supervision's
/// Detections are then converted to one of them.
[[nodiscard]] Emitted from_python(gil::Held& held, nanobind::handle object,
                                  std::span<const TypeInfo* const> wanted = {});
/// The TypeInfo for "Frame", "Circles", "object", "any" or "nothing"; nullptr: any.
[[nodiscard]] const TypeInfo* find_type(const std::string& kind);

}  // namespace freshframe::python

// Python objects that came with them are released through the deferred queue.
template <>
inline constexpr bool freshframe::gil::python_free<freshframe::Detections> = true;
template <>
inline constexpr bool freshframe::gil::python_free<freshframe::ValueRef> = true;
template <>
inline constexpr std::string_view freshframe::kTypeName<freshframe::python::PythonObject> = "a Python object";
