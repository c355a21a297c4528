// One function per type of a column, in both directions.
// SPDX-License-Identifier: Apache-2.0
#include "plugin/further_columns.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/utf8.hpp"
#include "plugin/tables.hpp"

namespace freshframe::plugin {
namespace {

constexpr std::size_t kMostDimensions = 4;
constexpr std::uint64_t kLongestText = std::uint64_t{1} << 30;  // bytes

bool is_listed(std::string_view names, const std::string& name) {
  return (" " + std::string(names) + " ").find(" " + name + " ") != std::string::npos;
}

[[noreturn]] void refuse_further(const native::Column& column, const std::string& why) {
  throw Error("gave detections whose further column '" + column.name + "' " + why);
}

template <class T>
constexpr const char* name_of_values() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return "bool";
  if constexpr (std::is_same_v<T, float>) return "float32";
  if constexpr (std::is_same_v<T, double>) return "float64";
  if constexpr (std::is_same_v<T, std::int32_t>) return "int32";
  if constexpr (std::is_same_v<T, std::int64_t>) return "int64";
  return "text";
}

template <class T>
bool take_numbers(const native::Column& column, DataColumn::Values& values) {
  if (column.type->name != name_of_values<T>()) return false;
  values = numbers<T>(column);
  return true;
}

std::vector<std::string> texts_of(const native::Column& column) {
  std::vector<std::string> texts;
  for (const auto& given : numbers<freshframe_text>(column)) {
    if (given.bytes > kLongestText) refuse_further(column, "has a text of more than 1 GiB");
    if (given.data == nullptr && given.bytes > 0) refuse_further(column, "has a text without data");
    auto& text = texts.emplace_back();
    if (given.bytes > 0) text.assign(given.data, static_cast<std::size_t>(given.bytes));
    if (!core::is_utf8(text)) refuse_further(column, "has a text that is not UTF-8");
  }
  return texts;
}

DataColumn further_column(const native::Column& column, std::size_t rows) {
  if (column.dimensions < 1 || static_cast<std::size_t>(column.shape[0]) != rows) {
    refuse_further(column, "must have a row for each of the " + std::to_string(rows) + " boxes");
  }
  DataColumn result{column.name, {}, {}};
  for (std::size_t axis = 1; axis < static_cast<std::size_t>(column.dimensions); ++axis)
    result.shape.push_back(static_cast<std::size_t>(column.shape[axis]));
  auto& values = result.values;
  if (column.type == &text_type()) {
    values = texts_of(column);
  } else if (column.type->name == name_of_values<std::uint8_t>()) {
    auto bools = numbers<std::uint8_t>(column);
    for (auto& each : bools) each = each != 0 ? 1 : 0;
    values = std::move(bools);
  } else if (!take_numbers<float>(column, values) && !take_numbers<double>(column, values) &&
             !take_numbers<std::int32_t>(column, values) && !take_numbers<std::int64_t>(column, values)) {
    refuse_further(column, "must be float32, float64, int32, int64, bool or text, not " +
                               std::string(column.type->name));
  }
  return result;
}

}  // namespace

void add_further_columns(const Detections& found, std::string_view others, Lent& lent) {
  const auto rows = static_cast<std::int64_t>(found.boxes.size());
  for (const auto& given : found.data) {
    if (given.shape.size() >= kMostDimensions || is_listed(others, given.name)) continue;
    native::Column column;
    column.name = given.name;
    column.dimensions = 1 + static_cast<int>(given.shape.size());
    column.shape[0] = rows;
    for (std::size_t axis = 0; axis < given.shape.size(); ++axis)
      column.shape[axis + 1] = static_cast<std::int64_t>(given.shape[axis]);
    const auto show = [&](const native::Dtype& type, const void* data, std::size_t count) {
      column.type = &type;
      column.data = count == 0 ? nullptr : data;
      column.bytes = count * static_cast<std::size_t>(type.size_bytes);
    };
    std::visit(
        [&](const auto& values) {
          using T = typename std::decay_t<decltype(values)>::value_type;
          if constexpr (std::is_same_v<T, std::string>) {
            auto& texts = lent.texts.emplace_back();
            for (const auto& text : values) texts.push_back({text.data(), text.size()});
            show(text_type(), texts.data(), texts.size());
          } else {
            show(native::dtype(name_of_values<T>()), values.data(), values.size());
          }
        },
        given.values);
    std::int64_t stride = column.type->size_bytes;
    for (auto axis = static_cast<std::size_t>(column.dimensions); axis-- > 0;) {
      column.strides[axis] = stride;
      stride *= column.shape[axis];
    }
    lent.table.columns.push_back(std::move(column));
  }
}

std::vector<DataColumn> further_columns_of(const native::Table& table, std::string_view others,
                                           std::size_t rows) {
  std::vector<DataColumn> columns;
  for (const auto& column : table.columns) {
    if (!is_listed(others, column.name)) columns.push_back(further_column(column, rows));
  }
  return columns;
}

}  // namespace freshframe::plugin
