// Converts the native columns of `data` to NumPy arrays, and to bytes for other processes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/data_column.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "bindings/results/result_memory.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Returns a read-only array of the column, which belongs to the value of `memory`. Strings are copied.
[[nodiscard]] nanobind::object column_to_python(const ResultMemory& memory, const DataColumn& column,
                                                std::size_t rows);
/// Copies an array. Returns nullopt if its type has no native form (objects, other numbers, times).
[[nodiscard]] std::optional<DataColumn> column_from_python(nanobind::handle name, nanobind::handle array,
                                                           std::size_t rows);

[[nodiscard]] std::vector<std::byte> columns_to_bytes(std::span<const DataColumn> columns);
/// Throws process::ProtocolError.
[[nodiscard]] std::vector<DataColumn> columns_from_bytes(std::span<const std::byte> bytes, std::size_t rows);

}  // namespace freshframe::python
