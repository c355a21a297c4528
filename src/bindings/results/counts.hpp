// Converts counts between C++ and Python's LineCounts and Zones.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/node.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/vision.hpp"

#include <span>

#include <nanobind/nanobind.h>

namespace freshframe::python {

[[nodiscard]] nanobind::object counts_to_python(gil::Held& held, const LineCounts& counts);
[[nodiscard]] nanobind::object counts_to_python(gil::Held& held, const Zones& counts);
/// from_python() of value.hpp, which reads the tracks.
using ReadValue = Emitted (*)(gil::Held& held, nanobind::handle object,
                              std::span<const TypeInfo* const> wanted);
/// Returns an empty value if the object is neither. Throws the error of an invalid column.
[[nodiscard]] ValueRef counts_from_python(gil::Held& held, nanobind::handle object, ReadValue read_value);

}  // namespace freshframe::python
