// An extra column of a result, added to each object by a program, a tracker or a second model.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace freshframe {

/// A named column with one row per object; `shape` gives the number of values per row. Not thread-safe.
struct DataColumn {
  /// float32, float64, int32, int64, bool (0 or 1) or text (UTF-8).
  using Values = std::variant<std::vector<float>, std::vector<double>, std::vector<std::int32_t>,
                              std::vector<std::int64_t>, std::vector<std::uint8_t>, std::vector<std::string>>;

  std::string name;
  Values values = {};
  std::vector<std::size_t> shape = {};  // shape of one row, such as {17, 3}; empty for a single value

  /// Number of values per row.
  [[nodiscard]] std::size_t width() const noexcept {
    std::size_t product = 1;
    for (const auto side : shape) product *= side;
    return product;
  }
  /// Returns a column with only these rows, in this order. Indices are not checked.
  [[nodiscard]] DataColumn select(std::span<const std::int64_t> rows) const {
    DataColumn chosen{name, {}, shape};
    const auto size = width();
    std::visit(
        [&](const auto& all) {
          std::decay_t<decltype(all)> some;
          some.reserve(rows.size() * size);
          for (const auto row : rows) {
            const auto begin = all.begin() + row * static_cast<std::ptrdiff_t>(size);
            some.insert(some.end(), begin, begin + static_cast<std::ptrdiff_t>(size));
          }
          chosen.values = std::move(some);
        },
        values);
    return chosen;
  }
  bool operator==(const DataColumn&) const = default;
};

/// Returns the column with this name, or null.
[[nodiscard]] inline const DataColumn* find_column(std::span<const DataColumn> columns,
                                                   std::string_view name) noexcept {
  for (const auto& column : columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

}  // namespace freshframe
