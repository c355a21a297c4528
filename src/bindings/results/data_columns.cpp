// The types of columns, in one table: the number used here, and NumPy's type letter.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/results/data_columns.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "bindings/border/text.hpp"
#include "process/wire/bytes.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

using process::ProtocolError;
using Values = DataColumn::Values;

constexpr std::size_t kMostSides = 8;  // dimensions of a row's shape

template <class T>
constexpr bool kIsText = std::is_same_v<T, std::string>;

// The type of each alternative of Values, in the same order.
constexpr std::array<Column::Number, 5> kNumbers = {Column::Number::Float32, Column::Number::Float64,
                                                    Column::Number::Int32, Column::Number::Int64,
                                                    Column::Number::Bool};

template <class T>
bool take_numbers(nb::handle array, std::size_t values, DataColumn& column) {
  using Element = std::conditional_t<std::is_same_v<T, std::uint8_t>, const bool, const T>;
  nb::ndarray<Element, nb::c_contig, nb::device::cpu> found;
  if (!nb::try_cast(array, found, false) || found.size() != values) return false;
  std::vector<T> copy(values);
  if (values > 0) std::memcpy(copy.data(), found.data(), values * sizeof(T));
  column.values = std::move(copy);
  return true;
}

bool take_text(nb::handle array, std::size_t values, DataColumn& column) {
  std::vector<std::string> texts;
  const nb::object list = nb::handle(array).attr("ravel")().attr("tolist")();
  if (!nb::try_cast(list, texts, false) || texts.size() != values) return false;
  column.values = std::move(texts);
  return true;
}

void put(std::vector<std::byte>& bytes, std::uint64_t number) {
  const auto raw = std::as_bytes(std::span(&number, 1));
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

void put(std::vector<std::byte>& bytes, std::string_view text) {
  put(bytes, text.size());
  const auto raw = std::as_bytes(std::span(text));
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

// Reads what put() has written, with bounds checks.
class Source {
 public:
  explicit Source(std::span<const std::byte> bytes) : rest_(bytes) {}
  [[nodiscard]] bool has_ended() const { return rest_.empty(); }
  std::uint64_t number() {
    std::uint64_t found = 0;
    const auto raw = take(sizeof found);
    std::memcpy(&found, raw.data(), sizeof found);
    return found;
  }
  std::string text() {
    const auto raw = take(number());
    return {reinterpret_cast<const char*>(raw.data()), raw.size()};
  }
  template <class T>
  std::vector<T> values(std::size_t count) {
    // also keeps products from overflowing
    if (count > rest_.size()) throw ProtocolError("a column ends within a row");
    std::vector<T> found(count);
    if constexpr (kIsText<T>) {
      for (auto& each : found) each = text();
    } else {
      const auto raw = take(count * sizeof(T));
      if (count > 0) std::memcpy(found.data(), raw.data(), raw.size());
    }
    return found;
  }

 private:
  std::span<const std::byte> take(std::uint64_t count) {
    if (count > rest_.size()) throw ProtocolError("a column ends within a row");
    const auto found = rest_.first(count);
    rest_ = rest_.subspan(count);
    return found;
  }

  std::span<const std::byte> rest_;
};

template <std::size_t kKind = 0>
Values read_values(Source& source, std::size_t kind, std::size_t count) {
  if constexpr (kKind < std::variant_size_v<Values>) {
    if (kind != kKind) return read_values<kKind + 1>(source, kind, count);
    using Vector = std::variant_alternative_t<kKind, Values>;
    return source.values<typename Vector::value_type>(count);
  } else {
    throw ProtocolError("unknown column kind");
  }
}

}  // namespace

nb::object column_to_python(const ResultMemory& memory, const DataColumn& column, std::size_t rows) {
  auto flat = [&]() -> nb::object {
    if (const auto* texts = std::get_if<std::vector<std::string>>(&column.values)) {
      nb::list list;
      for (const auto& text : *texts) list.append(text);
      nb::object array = nb::module_::import_("numpy").attr("array")(list, nb::arg("dtype") = "str");
      array.attr("flags").attr("writeable") = false;
      return array;
    }
    return std::visit(
        [&](const auto& values) -> nb::object {
          const Column layout{.number = kNumbers[std::min(column.values.index(), kNumbers.size() - 1)]};
          return memory.array(layout, values.data(), values.size());
        },
        column.values);
  }();
  if (column.shape.empty()) return flat;
  nb::list shape;
  shape.append(rows);
  for (const auto side : column.shape) shape.append(side);
  return flat.attr("reshape")(nb::tuple(shape));
}

std::optional<DataColumn> column_from_python(nb::handle name, nb::handle given, std::size_t rows) {
  DataColumn column;
  std::vector<std::size_t> shape;
  if (!nb::hasattr(given, "dtype") || !nb::try_cast(name, column.name, false)) return {};
  const nb::object array = nb::module_::import_("numpy").attr("ascontiguousarray")(given);
  if (!nb::try_cast(given.attr("shape"), shape)) return {};
  if (shape.empty() || shape[0] != rows || shape.size() > kMostSides) return {};
  std::size_t values = 1;
  for (const auto side : shape) values *= side;
  column.shape.assign(shape.begin() + 1, shape.end());
  const auto kind = nb::cast<std::string>(array.attr("dtype").attr("kind"));
  if (kind == "U") return take_text(array, values, column) ? std::optional(std::move(column)) : std::nullopt;
  const bool taken =
      take_numbers<float>(array, values, column) || take_numbers<double>(array, values, column) ||
      take_numbers<std::int32_t>(array, values, column) ||
      take_numbers<std::int64_t>(array, values, column) || take_numbers<std::uint8_t>(array, values, column);
  return taken ? std::optional(std::move(column)) : std::nullopt;
}

std::vector<std::byte> columns_to_bytes(std::span<const DataColumn> columns) {
  std::vector<std::byte> bytes;
  for (const auto& column : columns) {
    put(bytes, column.name);
    put(bytes, std::uint64_t{column.values.index()});
    put(bytes, std::uint64_t{column.shape.size()});
    for (const auto side : column.shape) put(bytes, std::uint64_t{side});
    std::visit(
        [&](const auto& values) {
          using T = typename std::decay_t<decltype(values)>::value_type;
          if constexpr (kIsText<T>) {
            for (const auto& text : values) put(bytes, text);
          } else {
            const auto raw = std::as_bytes(std::span(values));
            bytes.insert(bytes.end(), raw.begin(), raw.end());
          }
        },
        column.values);
  }
  return bytes;
}

std::vector<DataColumn> columns_from_bytes(std::span<const std::byte> bytes, std::size_t rows) {
  std::vector<DataColumn> columns;
  Source source(bytes);
  while (!source.has_ended()) {
    DataColumn column;
    column.name = source.text();
    const auto kind = source.number();
    const auto sides = source.number();
    if (sides > kMostSides) throw ProtocolError("a column has too many dimensions");
    std::size_t values = rows;
    for (std::uint64_t i = 0; i < sides; ++i) {
      const auto side = source.number();
      if (side > bytes.size() && rows > 0) throw ProtocolError("a column ends within a row");
      column.shape.push_back(side);
      if (values > 0 && side > bytes.size() / values) throw ProtocolError("a column ends within a row");
      values *= side;
    }
    column.values = read_values(source, kind, values);
    columns.push_back(std::move(column));
  }
  return columns;
}

}  // namespace freshframe::python
