// Conversion of values to and from the C interface.
// SPDX-License-Identifier: Apache-2.0
#include "plugin/values.hpp"

#include "freshframe/data_column.hpp"
#include "freshframe/error.hpp"
#include "freshframe/forks.hpp"
#include "freshframe/results.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/utf8.hpp"
#include "plugin/foreign_text.hpp"
#include "plugin/tables.hpp"

namespace freshframe::plugin {

namespace {

constexpr std::size_t kMostDimensions = 4;
constexpr std::uint64_t kLongestText = std::uint64_t{1} << 30;  // bytes

bool is_listed(std::string_view names, const std::string& name) {
  return (" " + std::string(names) + " ").find(" " + name + " ") != std::string::npos;
}

[[noreturn]] void refuse_further(const native::Column& column, const std::string& why) {
  throw Error("returned detections with an invalid column '" + column.name + "': it " + why);
}

template <class T>
constexpr const char* get_type_name() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return "bool";
  if constexpr (std::is_same_v<T, float>) return "float32";
  if constexpr (std::is_same_v<T, double>) return "float64";
  if constexpr (std::is_same_v<T, std::int32_t>) return "int32";
  if constexpr (std::is_same_v<T, std::int64_t>) return "int64";
  return "text";
}

template <class T>
bool take_numbers(const native::Column& column, DataColumn::Values& values) {
  if (column.type->name != get_type_name<T>()) return false;
  values = numbers<T>(column);
  return true;
}

std::vector<std::string> read_texts(const native::Column& column) {
  std::vector<std::string> texts;
  for (const auto& given : numbers<freshframe_text>(column)) {
    if (given.bytes > kLongestText) refuse_further(column, "has a string of more than 1 GiB");
    if (given.data == nullptr && given.bytes > 0) refuse_further(column, "has a string without data");
    auto& text = texts.emplace_back();
    if (given.bytes > 0) text.assign(given.data, static_cast<std::size_t>(given.bytes));
    if (!core::is_utf8(text)) refuse_further(column, "has a string that is not UTF-8");
  }
  return texts;
}

DataColumn further_column(const native::Column& column, std::size_t rows) {
  if (column.dimensions < 1 || static_cast<std::size_t>(column.shape[0]) != rows) {
    refuse_further(column, "must have a row for each of the " + std::to_string(rows) + " boxes, got " +
                               (column.dimensions < 1 ? "a single value" : std::to_string(column.shape[0])));
  }
  DataColumn result{column.name, {}, {}};
  for (std::size_t axis = 1; axis < static_cast<std::size_t>(column.dimensions); ++axis)
    result.shape.push_back(static_cast<std::size_t>(column.shape[axis]));
  auto& values = result.values;
  if (column.type == &text_type()) {
    values = read_texts(column);
  } else if (column.type->name == get_type_name<std::uint8_t>()) {
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

/// Adds the columns of `found.data` to `lent.table`. Skips columns with more than 4 dimensions, and those
/// listed in `others`, separated by spaces.
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
            show(native::dtype(get_type_name<T>()), values.data(), values.size());
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

/// Copies the columns of `table` whose names are not in `others`. Throws Error for a type that
/// Detections::data does not support, a string that is not UTF-8, or a number of rows other than `rows`.
[[nodiscard]] std::vector<DataColumn> read_further_columns(const native::Table& table,
                                                           std::string_view others, std::size_t rows) {
  std::vector<DataColumn> columns;
  for (const auto& column : table.columns) {
    if (!is_listed(others, column.name)) columns.push_back(further_column(column, rows));
  }
  return columns;
}

using native::Column;
using native::Table;

constexpr std::string_view kColumnsOfBoxes =
    "xyxy confidence class_id tracker_id velocity track_age track_confidence";

// ---- to C

void frame_to_c(const AnySample& /*sample*/, Lent& lent) {
  lent.value.frame = &lent.frame;
}

void number_to_c(const AnySample& sample, Lent& lent) {
  lent.value.number = *sample.value.as<double>();
}

void show_table(Lent& lent, const Table& table) {
  lent.columns = c_columns(table);
  lent.value.columns = {lent.columns.data(), lent.columns.size(), sizeof(freshframe_column)};
}

void table_to_c(const AnySample& sample, Lent& lent) {
  show_table(lent, *native::table_in(sample.value));
}

// A view of one member in an array of structs. A `width` of 0 makes it one-dimensional.
template <class Row, class Member>
Column member_column(const char* name, const char* type, const std::vector<Row>& rows, Member Row::* first,
                     std::int64_t width = 0) {
  Column column;
  column.name = name;
  column.type = &native::dtype(type);
  column.dimensions = width > 0 ? 2 : 1;
  column.shape = {static_cast<std::int64_t>(rows.size()), width};
  column.strides = {sizeof(Row), width > 0 ? static_cast<std::int64_t>(sizeof(Member)) : 0};
  if (!rows.empty()) {
    column.data = &(rows.front().*first);
    const auto* const end = reinterpret_cast<const std::byte*>(rows.data() + rows.size());
    column.bytes = static_cast<std::uint64_t>(end - static_cast<const std::byte*>(column.data));
  }
  return column;
}

Column ids_column(const std::vector<std::int64_t>& ids) {
  Column column;
  column.name = "tracker_id";
  column.type = &native::dtype("int64");
  column.dimensions = 1;
  column.shape[0] = static_cast<std::int64_t>(ids.size());
  column.strides[0] = sizeof(std::int64_t);
  column.data = ids.data();
  column.bytes = ids.size() * sizeof(std::int64_t);
  return column;
}

// The tracker's columns of Circles or Detections.
template <class Found>
void add_tracks(const Found& found, std::size_t count, std::vector<Column>& columns) {
  if (!found.tracked && found.ids.empty()) return;
  columns.push_back(ids_column(found.ids));
  if (found.tracks.size() != count) return;
  const auto& known = found.columns;
  if (known.velocity)
    columns.push_back(member_column("velocity", "float32", found.tracks, &TrackInfo::velocity_x, 2));
  if (known.track_age)
    columns.push_back(member_column("track_age", "float32", found.tracks, &TrackInfo::track_age));
  if (known.track_confidence)
    columns.push_back(
        member_column("track_confidence", "float32", found.tracks, &TrackInfo::track_confidence));
}

Table make_table(const Circles& circles) {
  Table table;
  auto& columns = table.columns;
  columns.push_back(member_column("xyr", "float32", circles.circles, &Circle::x, 3));
  columns.push_back(member_column("confidence", "float32", circles.circles, &Circle::confidence));
  add_tracks(circles, circles.circles.size(), columns);
  return table;
}

Table make_table(const Detections& found) {
  Table table;
  auto& columns = table.columns;
  columns.push_back(member_column("xyxy", "float32", found.boxes, &Detection::x1, 4));
  columns.push_back(member_column("confidence", "float32", found.boxes, &Detection::confidence));
  columns.push_back(member_column("class_id", "int32", found.boxes, &Detection::class_id));
  add_tracks(found, found.boxes.size(), columns);
  return table;
}

void detections_to_c(const AnySample& sample, Lent& lent) {
  lent.table = make_table(*sample.value.as<Detections>());
  show_table(lent, lent.table);
}

void wide_detections_to_c(const AnySample& sample, Lent& lent) {
  const auto& found = *sample.value.as<Detections>();
  lent.table = make_table(found);
  add_further_columns(found, kColumnsOfBoxes, lent);
  show_table(lent, lent.table);
}

void circles_to_c(const AnySample& sample, Lent& lent) {
  lent.table = make_table(*sample.value.as<Circles>());
  show_table(lent, lent.table);
}

// ---- from C

// Calls a value's `release` once, even if the value is rejected.
class Claim {
 public:
  explicit Claim(const freshframe_value& value) : owner_(value.owner), release_(value.release) {}
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim() {
    if (release_ != nullptr) run_contained("release()", [&] { release_(owner_); });
  }

 private:
  void* owner_;
  void (*release_)(void*);
};

// NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks): it does not follow the count in a ValueRef
Emitted frame_from_c(const freshframe_value& value, const Host& host) {
  const Claim claim(value);
  return {{}, host.take(value.frame)};
}

Emitted number_from_c(const freshframe_value& value, const Host& /*host*/) {
  const Claim claim(value);
  return {ValueRef::make<double>(value.number), {}};
}

// Uses the plugin's memory without a copy.
Table shared_table(const freshframe_value& value) {
  auto owner = std::make_shared<const Claim>(value);
  auto table = checked_table(value);
  table.owner = std::move(owner);
  return table;
}

Emitted table_from_c(const freshframe_value& value, const Host& /*host*/) {
  return {ValueRef::make<Table>(shared_table(value)), {}};
}

Emitted array_from_c(const freshframe_value& value, const Host& /*host*/) {
  auto table = shared_table(value);
  if (table.columns.size() != 1) {
    throw Error("returned an array of " + std::to_string(table.columns.size()) +
                " columns; it must have one");
  }
  return {ValueRef::make<native::Array>({std::move(table)}), {}};
}

// Sets the tracker's columns. All are optional.
template <class Found>
void take_tracks(const Table& table, std::size_t count, Found& found) {
  if (const auto* ids = find_column(table, "tracker_id", "int64", 0, false)) {
    found.ids = numbers<std::int64_t>(*ids);
    found.tracked = true;
  }
  const auto* velocity = find_column(table, "velocity", "float32", 2, false);
  const auto* track_age = find_column(table, "track_age", "float32", 0, false);
  const auto* certainty = find_column(table, "track_confidence", "float32", 0, false);
  found.columns = {velocity != nullptr, track_age != nullptr, certainty != nullptr};
  if (velocity == nullptr && track_age == nullptr && certainty == nullptr) return;
  found.tracks.resize(count);
  const auto fill = [&](const Column* column, std::size_t width, float TrackInfo::* member,
                        std::size_t first) {
    if (column == nullptr) return;
    const auto given = numbers<float>(*column);
    for (std::size_t i = 0; i < count; ++i) found.tracks[i].*member = given[i * width + first];
  };
  fill(velocity, 2, &TrackInfo::velocity_x, 0);
  fill(velocity, 2, &TrackInfo::velocity_y, 1);
  fill(track_age, 1, &TrackInfo::track_age, 0);
  fill(certainty, 1, &TrackInfo::track_confidence, 0);
}

Circles read_circles(const Table& table) {
  Circles circles;
  refuse_others(table, "xyr confidence tracker_id velocity track_age track_confidence");
  const auto xyr = numbers<float>(*find_column(table, "xyr", "float32", 3, true));
  const auto confidence = numbers<float>(*find_column(table, "confidence", "float32", 0, true));
  for (std::size_t i = 0; i < confidence.size(); ++i) {
    circles.circles.push_back({xyr[3 * i], xyr[3 * i + 1], xyr[3 * i + 2], confidence[i]});
  }
  take_tracks(table, circles.circles.size(), circles);
  return circles;
}

Detections read_detections(const Table& table) {
  Detections found;
  const auto xyxy = numbers<float>(*find_column(table, "xyxy", "float32", 4, true));
  const auto confidence = numbers<float>(*find_column(table, "confidence", "float32", 0, true));
  const auto class_id = numbers<std::int32_t>(*find_column(table, "class_id", "int32", 0, true));
  for (std::size_t i = 0; i < confidence.size(); ++i) {
    const float* const box = &xyxy[4 * i];
    found.boxes.push_back({box[0], box[1], box[2], box[3], confidence[i], class_id[i]});
  }
  take_tracks(table, found.boxes.size(), found);
  return found;
}

Emitted detections_from_c(const freshframe_value& value, const Host& /*host*/) {
  const Claim claim(value);
  const auto table = checked_table(value);
  refuse_others(table, kColumnsOfBoxes);
  return {ValueRef::make<Detections>(read_detections(table)), {}};
}

Emitted wide_detections_from_c(const freshframe_value& value, const Host& /*host*/) {
  const Claim claim(value);
  const auto table = checked_table(value, TextColumns::Taken);
  auto found = read_detections(table);
  found.data = read_further_columns(table, kColumnsOfBoxes, found.boxes.size());
  return {ValueRef::make<Detections>(std::move(found)), {}};
}

Emitted circles_from_c(const freshframe_value& value, const Host& /*host*/) {
  const Claim claim(value);
  return {ValueRef::make<Circles>(read_circles(checked_table(value))), {}};
}

// NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)

struct Types {
  const std::array<Type, 6> known = {{
      {"frame", get_type<Frame>(), &frame_to_c, &frame_from_c},
      {"circles", get_type<Circles>(), &circles_to_c, &circles_from_c},
      {"detections", get_type<Detections>(), &detections_to_c, &detections_from_c},
      {"float64", get_type<double>(), &number_to_c, &number_from_c},
      {"array", get_type<native::Array>(), &table_to_c, &array_from_c},
      {"table", get_type<Table>(), &table_to_c, &table_from_c},
  }};
  const Type with_columns = {"detections", get_type<Detections>(), &wide_detections_to_c,
                             &wide_detections_from_c};
};

const std::array<Type, 6>& types() noexcept {
  return forks::ProcessWide<Types>::get().known;
}

}  // namespace

const Type* find_type(std::string_view name) noexcept {
  const auto found =
      std::find_if(types().begin(), types().end(), [&](const Type& each) { return each.name == name; });
  return found == types().end() ? nullptr : &*found;
}

const Type* with_further_columns(const Type* type) noexcept {
  const auto& wide = forks::ProcessWide<Types>::get().with_columns;
  return type != nullptr && type->name == wide.name ? &wide : type;
}

std::string type_names() {
  std::string names;
  for (const auto& type : types()) names += (names.empty() ? "" : ", ") + std::string(type.name);
  return names;
}

}  // namespace freshframe::plugin
