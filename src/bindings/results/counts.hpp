// Python's LineCounts and Zones of native ones, and back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/sample.hpp"
#include "freshframe/vision.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

[[nodiscard]] nanobind::object counts_to_python(gil::Held& held, const LineCounts& counts);
[[nodiscard]] nanobind::object counts_to_python(gil::Held& held, const Zones& counts);
/// Returns an empty optional where the object is neither. Throws the error of a wrong column.
[[nodiscard]] ValueRef counts_from_python(gil::Held& held, nanobind::handle object);

}  // namespace freshframe::python
