// Tables of named columns, and the result types that are based on them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace freshframe::plugin {
inline namespace v1 {

namespace [[gnu::visibility("hidden")]] detail {

template <class T>
constexpr const char* dtype_name() {
  if constexpr (std::is_same_v<T, bool>) {
    return "bool";
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    return "text";
  } else if constexpr (std::is_floating_point_v<T>) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "float or double");
    return sizeof(T) == 4 ? "float32" : "float64";
  } else {
    static_assert(std::is_integral_v<T> && sizeof(T) <= 8, "a column holds numbers");
    constexpr std::size_t kIndex = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    constexpr const char* kNames[2][4] = {{"uint8", "uint16", "uint32", "uint64"},
                                          {"int8", "int16", "int32", "int64"}};
    return kNames[std::is_signed_v<T> ? 1 : 0][kIndex];
  }
}

struct NumberType {
  const char* name;
  std::uint64_t size_bytes;
};
inline const NumberType& number_type(const char* name) {
  static constexpr NumberType kTypes[] = {{"bool", 1},    {"int8", 1},    {"uint8", 1},
                                          {"int16", 2},   {"uint16", 2},  {"int32", 4},
                                          {"uint32", 4},  {"int64", 8},   {"uint64", 8},
                                          {"float32", 4}, {"float64", 8}, {"text", sizeof(freshframe_text)}};
  for (const auto& type : kTypes) {
    if (std::strcmp(type.name, name) == 0) return type;
  }
  throw std::invalid_argument("a column's type must be 'text' or a number type such as 'float32', got '" +
                              std::string(name) + "'");
}

}  // namespace detail

/// One column of a table. Must not outlive the table. T is std::string_view for text.
template <class T>
class Column {
 public:
  explicit Column(const freshframe_column& column) noexcept : column_(column) {}

  [[nodiscard]] std::int64_t size() const noexcept { return column_.shape[0]; }
  [[nodiscard]] int dimensions() const noexcept { return column_.ndim; }
  [[nodiscard]] std::int64_t shape(int axis) const noexcept { return column_.shape[axis]; }
  /// Takes one index per dimension, and throws std::out_of_range for a different number of them. Bounds are
  /// not checked.
  template <class... Index>
  [[nodiscard]] T operator()(Index... index) const {
    static_assert(sizeof...(index) <= 4, "a column has at most 4 dimensions");
    if (sizeof...(index) != static_cast<std::size_t>(column_.ndim)) refuse(sizeof...(index));
    const std::array<std::int64_t, sizeof...(index)> at = {static_cast<std::int64_t>(index)...};
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < at.size(); ++axis) offset += at[axis] * column_.strides[axis];
    const auto* const place = static_cast<const char*>(column_.data) + offset;
    if constexpr (std::is_same_v<T, std::string_view>) {
      freshframe_text text;
      std::memcpy(&text, place, sizeof text);
      return {text.data, static_cast<std::size_t>(text.bytes)};
    } else {
      T value;
      std::memcpy(&value, place, sizeof value);
      return value;
    }
  }

 private:
  [[noreturn]] void refuse(std::size_t given) const {
    throw std::out_of_range("the column has " + std::to_string(column_.ndim) +
                            (column_.ndim == 1 ? " dimension" : " dimensions") +
                            " and needs as many indices, got " + std::to_string(given));
  }

  freshframe_column column_;
};

/// Named columns: either the node's input, which belongs to the engine and is valid only during the call, or
/// new columns to return. Copying a table copies the engine's columns, so a copy may be kept, changed and
/// returned. All other columns are shared by copies.
class Table {
 public:
  Table() = default;
  Table(const Table& other) : entries_(other.entries_) { take_over(); }
  Table(Table&& other) noexcept = default;
  Table& operator=(const Table& other) {
    Table copy(other);
    entries_ = std::move(copy.entries_);
    return *this;
  }
  Table& operator=(Table&& other) noexcept = default;
  ~Table() = default;
  /// For the C interface: refers to the engine's columns without copying.
  explicit Table(const freshframe_array& columns) {
    for (std::uint64_t i = 0; i < columns.count; ++i) {
      Entry entry;
      std::memcpy(&entry.column, static_cast<const char*>(columns.data) + i * columns.element_size,
                  sizeof entry.column);
      entry.name = entry.column.name;
      entries_.push_back(std::move(entry));
    }
  }

  /// Adds a column with one dimension, or with `shape`, whose product must equal the number of values. Throws
  /// std::invalid_argument.
  template <class T>
  Table& add(std::string name, std::vector<T> values, std::initializer_list<std::int64_t> shape = {}) {
    static_assert(!std::is_same_v<T, bool>, "std::vector<bool> has no memory to show: use std::uint8_t");
    auto kept = std::make_shared<const std::vector<T>>(std::move(values));
    const auto* const data = kept->data();
    const auto count = kept->size();
    return add_entry(std::move(name), detail::dtype_name<T>(), data, count, sizeof(T), shape,
                     std::move(kept));
  }
  /// Adds a column of UTF-8 strings. Only allowed as an extra column of Detections.
  Table& add(std::string name, std::vector<std::string> values,
             std::initializer_list<std::int64_t> shape = {}) {
    auto kept = std::make_shared<Texts>();
    kept->strings = std::move(values);
    for (const auto& text : kept->strings) kept->views.push_back({text.data(), text.size()});
    const auto* const data = kept->views.data();
    const auto count = kept->views.size();
    return add_entry(std::move(name), "text", data, count, sizeof(freshframe_text), shape, std::move(kept));
  }

  [[nodiscard]] bool has(const char* name) const noexcept { return find(name) != nullptr; }
  /// Returns a column. Throws std::out_of_range if it does not exist, and std::invalid_argument if it has a
  /// different type.
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

  /// For the C interface: copies the columns that belong to the engine.
  void take_over() {
    for (auto& entry : entries_) {
      if (entry.memory == nullptr) entry.take_over();
    }
  }
  /// For the C interface.
  [[nodiscard]] std::vector<freshframe_column> c_columns() const {
    std::vector<freshframe_column> columns;
    for (const auto& entry : entries_) {
      columns.push_back(entry.column);
      columns.back().name = entry.name.c_str();
    }
    return columns;
  }

 private:
  struct Texts {
    std::vector<std::string> strings;
    std::vector<freshframe_text> views;
  };
  struct Entry {
    std::string name;
    freshframe_column column{};
    std::shared_ptr<const void> memory;  // null if the memory belongs to the engine

    void take_over() {
      const auto& type = detail::number_type(column.dtype);
      std::uint64_t bytes = type.size_bytes;  // the offset of the end of the last element
      for (int axis = 0; axis < column.ndim; ++axis) {
        if (column.shape[axis] == 0) bytes = 0;
      }
      for (int axis = 0; axis < column.ndim && bytes > 0; ++axis) {
        bytes += static_cast<std::uint64_t>((column.shape[axis] - 1) * column.strides[axis]);
      }
      auto copy = std::make_shared<std::vector<std::max_align_t>>(bytes / sizeof(std::max_align_t) + 1);
      if (bytes > 0) std::memcpy(copy->data(), column.data, static_cast<std::size_t>(bytes));
      column.dtype = type.name;
      column.data = copy->data();
      column.bytes = bytes;
      memory = std::move(copy);
      if (std::strcmp(type.name, "text") == 0) take_over_texts(bytes / sizeof(freshframe_text));
    }
    // Copies the strings that the column refers to. Every slot up to its end is copied, whatever the strides.
    void take_over_texts(std::size_t count) {
      auto texts = std::make_shared<Texts>();
      texts->views.resize(count);
      if (count > 0) std::memcpy(texts->views.data(), column.data, count * sizeof(freshframe_text));
      texts->strings.reserve(count);  // no reallocation, since `views` point into the strings
      for (auto& view : texts->views) {
        if (view.data == nullptr) continue;
        texts->strings.emplace_back(view.data, static_cast<std::size_t>(view.bytes));
        view.data = texts->strings.back().data();
      }
      column.data = texts->views.data();
      memory = std::move(texts);
    }
  };

  Table& add_entry(std::string name, const char* type, const void* data, std::size_t count, std::size_t size,
                   std::initializer_list<std::int64_t> shape, std::shared_ptr<const void> memory) {
    Entry entry;
    entry.name = std::move(name);
    auto& column = entry.column;
    column.dtype = type;
    column.data = count == 0 ? nullptr : data;
    column.bytes = count * size;
    const std::vector<std::int64_t> sizes = shape.size() > 0
                                                ? std::vector<std::int64_t>(shape)
                                                : std::vector<std::int64_t>{static_cast<std::int64_t>(count)};
    if (sizes.size() > 4) throw std::invalid_argument("a column has at most 4 dimensions");
    column.ndim = static_cast<std::int32_t>(sizes.size());
    auto stride = static_cast<std::int64_t>(size);
    for (std::size_t axis = sizes.size(); axis-- > 0;) {
      column.shape[axis] = sizes[axis];
      column.strides[axis] = stride;
      stride *= sizes[axis];
    }
    if (stride != static_cast<std::int64_t>(column.bytes)) {
      throw std::invalid_argument("column '" + entry.name + "' has " + std::to_string(count) +
                                  " values, but its shape needs " +
                                  std::to_string(stride / static_cast<std::int64_t>(size)));
    }
    entry.memory = std::move(memory);
    entries_.push_back(std::move(entry));
    return *this;
  }

  [[nodiscard]] const Entry* find(const char* name) const noexcept {
    for (const auto& entry : entries_) {
      if (entry.name == name) return &entry;
    }
    return nullptr;
  }

  std::vector<Entry> entries_;
};

/// Columns xyr (n, 3) float and confidence (n) float; for optional ones see freshframe_value.
struct Circles : Table {
  using Table::Table;
};
/// Columns xyxy (n, 4) float, confidence (n) float and class_id (n) std::int32_t; for optional ones see
/// freshframe_value. Copies include extra columns such as masks and keypoints.
struct Detections : Table {
  using Table::Table;
};
/// A single column, with an empty name.
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
