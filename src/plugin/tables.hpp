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

/// A struct of another size than ours: the common part, and our defaults for the rest.
template <class T>
[[nodiscard]] T known_part(const void* from, std::uint64_t size) noexcept {
  T result{};
  std::memcpy(&result, from, size < sizeof(T) ? size : sizeof(T));
  return result;
}

/// Whether columns may hold freshframe_text.
enum class TextColumns : std::uint8_t { Refused, Taken };

/// The columns of a value. Throws Error that names the column and the fault. The result has no owner yet.
[[nodiscard]] native::Table checked_table(const freshframe_value& value,
                                          TextColumns text = TextColumns::Refused);
/// The type of columns of freshframe_text, which only the C interface has.
[[nodiscard]] const native::Dtype& text_type() noexcept;
/// The column of that name with rows of `width` (0: one dimension); throws Error when it is missing, unless
/// it may be.
[[nodiscard]] const native::Column* find_column(const native::Table& table, const char* name,
                                                const char* type, std::int64_t width, bool required);
/// Throws Error when there is a column whose name is not in `known`, a list with spaces.
void refuse_others(const native::Table& table, std::string_view known);
/// In the form of the C interface; the names stay `table`'s.
[[nodiscard]] std::vector<freshframe_column> c_columns(const native::Table& table);
/// The numbers of a column in row order.
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
