// Converts lists of class names between C++ and Python, each list once.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/vision.hpp"

#include <cstddef>
#include <span>
#include <vector>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Returns a tuple of str, or None if there are no names. Returns the same object again for names that were
/// used recently.
[[nodiscard]] nanobind::object names_to_python(gil::Held& held, const ClassNames& names);
/// Converts a tuple of names back. Throws OptionTypeError for any other object.
[[nodiscard]] ClassNames names_from_python(gil::Held& held, nanobind::handle tuple);
/// Encodes the names as bytes: each ends with a zero byte.
[[nodiscard]] std::vector<std::byte> names_to_bytes(const ClassNames& names);
/// Decodes names. Returns the same object again for bytes that were used recently.
[[nodiscard]] ClassNames names_from_bytes(std::span<const std::byte> bytes);
/// Frees the cached tuples when the interpreter exits.
void forget_class_names(gil::Held& held);

}  // namespace freshframe::python
