// Names of classes between C++ and Python: each list of them is converted once.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/vision.hpp"

#include <cstddef>
#include <span>
#include <vector>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// A tuple of str, the same object for the same names as long as they are among the last that were used; None
/// for no names.
[[nodiscard]] nanobind::object names_to_python(gil::Held& held, const ClassNames& names);
/// The opposite. Throws OptionTypeError for another object.
[[nodiscard]] ClassNames names_from_python(gil::Held& held, nanobind::handle tuple);
/// Names as bytes: each ends with a zero byte.
[[nodiscard]] std::vector<std::byte> names_to_bytes(const ClassNames& names);
/// Returns the same object for the same bytes as long as they are among the last.
[[nodiscard]] ClassNames names_from_bytes(std::span<const std::byte> bytes);
/// Drops the tuples, when the interpreter exits.
void forget_class_names(gil::Held& held);

}  // namespace freshframe::python
