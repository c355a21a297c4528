// Results of cameras as bytes: made by an agent, opened by the program that reads them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/sample.hpp"

#include <cstddef>
#include <vector>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// The value of a sample whose value is not its frame. Takes the GIL only for values that have no native form,
/// on any thread that does not hold it. Throws OptionTypeError's Python form when it cannot be pickled.
[[nodiscard]] std::vector<std::byte> result_bytes(const ValueRef& value);

/// Adds fleet_value(), its opposite.
void bind_fleet_results(nanobind::module_& module);

}  // namespace freshframe::python
