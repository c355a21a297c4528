// Validates and copies columns from plugins.
// SPDX-License-Identifier: Apache-2.0
#include "plugin/tables.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/utf8.hpp"
#include "plugin/foreign_text.hpp"

namespace freshframe::native {

const Dtype& dtype(std::string_view name) {
  static constexpr std::array<Dtype, 11> kTypes = {{{"bool", 1},
                                                    {"int8", 1},
                                                    {"int16", 2},
                                                    {"int32", 4},
                                                    {"int64", 8},
                                                    {"uint8", 1},
                                                    {"uint16", 2},
                                                    {"uint32", 4},
                                                    {"uint64", 8},
                                                    {"float32", 4},
                                                    {"float64", 8}}};
  const auto* const found =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const Dtype& each) { return each.name == name; });
  if (found != kTypes.end()) return *found;
  std::string known;
  for (const auto& each : kTypes) known += (known.empty() ? "" : ", ") + std::string(each.name);
  throw OptionError("dtype must be one of " + known + ", got '" + std::string(name) + "'");
}

const Table* table_in(const ValueRef& value) noexcept {
  if (const auto* table = value.as<Table>()) return table;
  return value.as<Array>();
}

}  // namespace freshframe::native

namespace freshframe::plugin {
namespace {

using native::Column;
using native::Table;

constexpr std::uint64_t kMostColumns = 1000;
constexpr std::size_t kDimensions = 4;
constexpr std::size_t kMostName = 1000;                       // bytes
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 47;  // size of a process's address space
constexpr std::int64_t kMostShown = std::int64_t{1} << 30;    // limit in bytes for overlapping elements

[[noreturn]] void refuse(const Column& column, const std::string& why) {
  throw Error("returned a table whose column '" + column.name + "' " + why);
}

// Bytes from the first element to the end of the last one. Shape and strides must not be negative.
std::uint64_t extent(const Column& column) {
  std::uint64_t last = 0;
  for (std::size_t axis = 0; axis < static_cast<std::size_t>(column.dimensions); ++axis) {
    std::uint64_t span = 0;
    if (__builtin_mul_overflow(static_cast<std::uint64_t>(column.shape[axis] - 1),
                               static_cast<std::uint64_t>(column.strides[axis]), &span) ||
        __builtin_add_overflow(last, span, &last)) {
      refuse(column, "has a shape and strides that overflow");
    }
  }
  if (__builtin_add_overflow(last, static_cast<std::uint64_t>(column.type->size_bytes), &last)) {
    refuse(column, "has a shape and strides that overflow");
  }
  return last;
}

std::uintptr_t get_alignment(const native::Dtype& type) {
  return &type == &text_type() ? alignof(freshframe_text) : static_cast<std::uintptr_t>(type.size_bytes);
}

const native::Dtype& find_column_type(const Column& column, const char* name, TextColumns text) {
  if (text == TextColumns::Taken && name == text_type().name) return text_type();
  try {
    return native::dtype(shortened(name));
  } catch (const OptionError& error) {
    refuse(column, std::string("is wrong: ") + error.what());
  }
}

void check_memory(const Column& column) {
  bool empty = false;
  std::int64_t shown = column.type->size_bytes;  // bytes, ignoring dimensions of size 0 as NumPy does
  for (std::size_t axis = 0; axis < static_cast<std::size_t>(column.dimensions); ++axis) {
    const auto size = column.shape[axis];
    const auto stride = column.strides[axis];
    if (size < 0) refuse(column, "has a negative size, " + std::to_string(size));
    if (stride < 0 || stride % column.type->size_bytes != 0) {
      refuse(column, "has a stride of " + std::to_string(stride) + " bytes; it must be a multiple of " +
                         std::to_string(column.type->size_bytes) + " and not negative");
    }
    empty |= size == 0;
    if (size > 0 && __builtin_mul_overflow(shown, size, &shown)) refuse(column, "has a shape that overflows");
  }
  if (empty) return;
  if (column.data == nullptr) refuse(column, "has elements but no data");
  if (reinterpret_cast<std::uintptr_t>(column.data) % get_alignment(*column.type) != 0) {
    refuse(column, "is not aligned for " + std::string(column.type->name));
  }
  if (const auto needed = extent(column); needed > column.bytes) {
    refuse(column, "needs " + std::to_string(needed) + " bytes for its shape and strides, but has " +
                       std::to_string(column.bytes));
  }
  if (shown > kMostShown && static_cast<std::uint64_t>(shown) > column.bytes) {
    refuse(column, "shows " + std::to_string(column.bytes) + " bytes of memory as " + std::to_string(shown));
  }
}

Column checked_column(const freshframe_column& given, TextColumns text) {
  Column column;
  if (given.name == nullptr) throw Error("returned a table with an unnamed column");
  column.name = shortened(given.name, kMostName);
  if (::strnlen(given.name, kMostName + 1) > kMostName) refuse(column, "has a name of more than 1000 bytes");
  if (!core::is_utf8(given.name)) refuse(column, "has a name that is not UTF-8");
  if (given.dtype == nullptr) refuse(column, "has no dtype");
  column.type = &find_column_type(column, given.dtype, text);
  if (given.ndim < 0 || given.ndim > static_cast<int>(kDimensions)) {
    refuse(column, "has " + std::to_string(given.ndim) + " dimensions; at most 4 are possible");
  }
  column.dimensions = given.ndim;
  for (std::size_t axis = 0; axis < static_cast<std::size_t>(given.ndim); ++axis) {
    column.shape[axis] = given.shape[axis];
    column.strides[axis] = given.strides[axis];
  }
  column.data = given.data;
  column.bytes = given.bytes;
  if (column.bytes > kMostBytes) {
    refuse(column, "claims " + std::to_string(column.bytes) + " bytes, more than any memory has");
  }
  check_memory(column);
  return column;
}

}  // namespace

const native::Dtype& text_type() noexcept {
  static constexpr native::Dtype kText{"text", sizeof(freshframe_text)};
  return kText;
}

Table checked_table(const freshframe_value& value, TextColumns text) {
  const auto& given = value.columns;
  if (given.count > kMostColumns) {
    throw Error("returned a table of " + std::to_string(given.count) + " columns; at most 1000 are possible");
  }
  if (given.count > 0 && (given.data == nullptr || given.element_size < sizeof(freshframe_column))) {
    throw Error("returned columns with an element_size of " + std::to_string(given.element_size) +
                " bytes; version 1 has " + std::to_string(sizeof(freshframe_column)));
  }
  Table table;
  for (std::uint64_t i = 0; i < given.count; ++i) {
    const auto* const at = static_cast<const std::byte*>(given.data) + i * given.element_size;
    auto column = checked_column(known_part<freshframe_column>(at, sizeof(freshframe_column)), text);
    for (const auto& other : table.columns) {
      if (other.name == column.name) refuse(column, "appears twice");
    }
    table.columns.push_back(std::move(column));
  }
  return table;
}

const Column* find_column(const Table& table, const char* name, const char* type, std::int64_t width,
                          bool required) {
  const int dimensions = width > 0 ? 2 : 1;
  const auto rows = table.columns.empty() ? 0 : table.columns.front().shape[0];
  for (const auto& column : table.columns) {
    if (column.name != name) continue;
    const bool fits = column.type->name == type && column.dimensions == dimensions &&
                      column.shape[0] == rows && (width == 0 || column.shape[1] == width);
    if (fits) return &column;
    refuse(column, "must be " + std::string(type) + " of shape (" + std::to_string(rows) + ", " +
                       (width > 0 ? std::to_string(width) : "") + "), with as many rows as the first column");
  }
  if (required) throw Error(std::string("returned a table without the column '") + name + "'");
  return nullptr;
}

void refuse_others(const Table& table, std::string_view known) {
  for (const auto& column : table.columns) {
    if ((" " + std::string(known) + " ").find(" " + column.name + " ") == std::string::npos) {
      refuse(column, "is not one of " + std::string(known));
    }
  }
}

std::vector<freshframe_column> c_columns(const Table& table) {
  std::vector<freshframe_column> result;
  for (const auto& column : table.columns) {
    freshframe_column out{};
    out.name = column.name.c_str();
    out.dtype = column.type->name.data();  // string literals are zero-terminated
    out.ndim = column.dimensions;
    std::copy(column.shape.begin(), column.shape.end(), out.shape);
    std::copy(column.strides.begin(), column.strides.end(), out.strides);
    out.data = column.data;
    out.bytes = column.bytes;
    result.push_back(out);
  }
  return result;
}

}  // namespace freshframe::plugin
