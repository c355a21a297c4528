// Tables at the C interface. A plugin's tables are checked before any other code reads them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"
#include "freshframe/native.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace freshframe::plugin {

/// Copies a struct whose size may differ from ours: the common part, with our defaults for the rest.
template <class T>
[[nodiscard]] T known_part(const void* from, std::uint64_t size) noexcept {
  T result{};
  std::memcpy(&result, from, size < sizeof(T) ? size : sizeof(T));
  return result;
}

/// Whether columns may hold freshframe_text.
enum class TextColumns : std::uint8_t { Refused, Taken };

/// Returns the columns of a value, without an owner. Throws Error that names the invalid column and the
/// reason.
[[nodiscard]] native::Table checked_table(const freshframe_value& value,
                                          TextColumns text = TextColumns::Refused);
/// The type of columns of freshframe_text, which exists only in the C interface.
[[nodiscard]] const native::Dtype& text_type() noexcept;
/// Returns the column of that name, or null if it is missing and not `required`. Its rows must have `width`
/// elements (0: one dimension). Throws Error otherwise.
[[nodiscard]] const native::Column* find_column(const native::Table& table, const char* name,
                                                const char* type, std::int64_t width, bool required);
/// Throws Error if there is a column whose name is not in `known`, a list separated by spaces.
void refuse_others(const native::Table& table, std::string_view known);
/// Converts the columns to the C interface. The names still belong to `table`.
[[nodiscard]] std::vector<freshframe_column> c_columns(const native::Table& table);
/// Returns the numbers of a column in row order.
template <class T>
[[nodiscard]] std::vector<T> numbers(const native::Column& column);

/// Calls `see(pointer)` for each element in C order.
template <class F>
void for_each_element(const native::Column& column, const F& see) {
  const auto extent = [&](int axis) {
    return axis < column.dimensions ? column.shape[static_cast<std::size_t>(axis)] : 1;
  };
  const auto step = [&](int axis) {
    return axis < column.dimensions ? column.strides[static_cast<std::size_t>(axis)] : 0;
  };
  for (int axis = 0; axis < column.dimensions; ++axis) {
    if (extent(axis) == 0) return;  // otherwise the other axes, of any size, would be counted
  }
  const auto* const data = static_cast<const std::byte*>(column.data);
  for (std::int64_t i = 0; i < extent(0); ++i)
    for (std::int64_t j = 0; j < extent(1); ++j)
      for (std::int64_t k = 0; k < extent(2); ++k)
        for (std::int64_t l = 0; l < extent(3); ++l)
          see(data + i * step(0) + j * step(1) + k * step(2) + l * step(3));
}

template <class T>
std::vector<T> numbers(const native::Column& column) {
  std::vector<T> result;
  for_each_element(column, [&](const std::byte* element) {
    T value;
    std::memcpy(&value, element, sizeof value);
    result.push_back(value);
  });
  return result;
}

}  // namespace freshframe::plugin
