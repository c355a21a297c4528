// Tables: named columns of numbers, and the results that consist of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace freshframe::plugin {
inline namespace v1 {

namespace detail {

template <class T>
constexpr const char* dtype_name() {
  if constexpr (std::is_same_v<T, bool>) {
    return "bool";
  } else if constexpr (std::is_floating_point_v<T>) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "float or double");
    return sizeof(T) == 4 ? "float32" : "float64";
  } else {
    static_assert(std::is_integral_v<T> && sizeof(T) <= 8, "a column holds numbers");
    constexpr std::size_t index = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    constexpr const char* names[2][4] = {{"uint8", "uint16", "uint32", "uint64"},
                                         {"int8", "int16", "int32", "int64"}};
    return names[std::is_signed_v<T> ? 1 : 0][index];
  }
}

}  // namespace detail

/// A column of a table that the node was given.
template <class T>
class Column {
 public:
  explicit Column(const freshframe_column& column) noexcept : column_(column) {}

  [[nodiscard]] std::int64_t size() const noexcept { return column_.shape[0]; }
  [[nodiscard]] int dimensions() const noexcept { return column_.ndim; }
  [[nodiscard]] std::int64_t shape(int axis) const noexcept { return column_.shape[axis]; }
  /// One index per dimension.
  template <class... Index>
  [[nodiscard]] T operator()(Index... index) const noexcept {
    const std::int64_t at[] = {static_cast<std::int64_t>(index)...};
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < sizeof...(index); ++axis) offset += at[axis] * column_.strides[axis];
    T value;
    std::memcpy(&value, static_cast<const char*>(column_.data) + offset, sizeof value);
    return value;
  }

 private:
  freshframe_column column_;
};

/// Named columns: a view of those that the node was given, or new ones to return.
class Table {
 public:
  Table() = default;
  /// A view.
  explicit Table(const freshframe_array& columns) {
    for (std::uint64_t i = 0; i < columns.count; ++i) {
      Entry entry;
      std::memcpy(&entry.column, static_cast<const char*>(columns.data) + i * columns.element_size,
                  sizeof entry.column);
      entry.name = entry.column.name;
      entries_.push_back(std::move(entry));
    }
  }

  /// Adds a column of one dimension, or of `shape`, whose product must be the number of values. Throws
  /// std::invalid_argument.
  template <class T>
  Table& add(std::string name, std::vector<T> values, std::initializer_list<std::int64_t> shape = {}) {
    static_assert(!std::is_same_v<T, bool>, "std::vector<bool> has no memory to show: use std::uint8_t");
    auto kept = std::make_shared<const std::vector<T>>(std::move(values));
    Entry entry;
    entry.name = std::move(name);
    auto& column = entry.column;
    column.dtype = detail::dtype_name<T>();
    column.data = kept->empty() ? nullptr : kept->data();
    column.bytes = kept->size() * sizeof(T);
    const std::vector<std::int64_t> sizes =
        shape.size() > 0 ? std::vector<std::int64_t>(shape)
                         : std::vector<std::int64_t>{static_cast<std::int64_t>(kept->size())};
    if (sizes.size() > 4) throw std::invalid_argument("a column has at most 4 dimensions");
    column.ndim = static_cast<std::int32_t>(sizes.size());
    auto stride = static_cast<std::int64_t>(sizeof(T));
    for (std::size_t axis = sizes.size(); axis-- > 0;) {
      column.shape[axis] = sizes[axis];
      column.strides[axis] = stride;
      stride *= sizes[axis];
    }
    if (stride != static_cast<std::int64_t>(column.bytes)) {
      throw std::invalid_argument("column '" + entry.name + "' has " + std::to_string(kept->size()) +
                                  " values, which do not fill its shape");
    }
    entry.memory = std::move(kept);
    entries_.push_back(std::move(entry));
    return *this;
  }

  [[nodiscard]] bool has(const char* name) const noexcept { return find(name) != nullptr; }
  /// Throws std::out_of_range when there is none of that name, std::invalid_argument when it has another number type.
  template <class T>
  [[nodiscard]] Column<T> column(const char* name) const {
    const auto* const found = find(name);
    if (found == nullptr) throw std::out_of_range("the table has no column '" + std::string(name) + "'");
    if (std::strcmp(found->column.dtype, detail::dtype_name<T>()) != 0) {
      throw std::invalid_argument("column '" + std::string(name) + "' holds " + found->column.dtype +
                                  ", not " + detail::dtype_name<T>());
    }
    return Column<T>(found->column);
  }
  [[nodiscard]] std::size_t column_count() const noexcept { return entries_.size(); }

  /// For the border.
  [[nodiscard]] std::vector<freshframe_column> c_columns() const {
    std::vector<freshframe_column> columns;
    for (const auto& entry : entries_) {
      columns.push_back(entry.column);
      columns.back().name = entry.name.c_str();
    }
    return columns;
  }

 private:
  struct Entry {
    std::string name;
    freshframe_column column{};
    std::shared_ptr<const void> memory;
  };

  [[nodiscard]] const Entry* find(const char* name) const noexcept {
    for (const auto& entry : entries_) {
      if (entry.name == name) return &entry;
    }
    return nullptr;
  }

  std::vector<Entry> entries_;
};

/// xyr (n, 3) float and confidence (n) float; freshframe_value lists the others.
struct Circles : Table {
  using Table::Table;
};
/// xyxy (n, 4) float, confidence (n) float and class_id (n) std::int32_t; freshframe_value lists the others.
struct Detections : Table {
  using Table::Table;
};
/// One column, whose name is empty.
struct Array : Table {
  using Table::Table;
  Array() = default;
  template <class T>
  explicit Array(std::vector<T> values, std::initializer_list<std::int64_t> shape = {}) {
    add("", std::move(values), shape);
  }
};

}  // namespace v1
}  // namespace freshframe::plugin
