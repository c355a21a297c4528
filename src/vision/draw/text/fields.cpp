// The fields that circles and boxes have in common, and the columns of boxes.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/text/fields.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "vision/class_choice.hpp"

namespace freshframe::vision {
namespace {

template <class Found>
std::optional<FieldValue> common_field(const Found& found, std::size_t index, float confidence,
                                       const std::string& name, const Dwells* dwells) {
  const bool has_tracks = index < found.tracks.size();
  if (name == "id" || name == "tracker_id")
    return index < found.ids.size() ? FieldValue(found.ids[index]) : FieldValue();
  if (name == "confidence") return double{confidence};
  if (name == "age")
    return has_tracks && found.columns.age ? FieldValue(double{found.tracks[index].age}) : FieldValue();
  if (name == "track_confidence") {
    const bool known = has_tracks && found.columns.track_confidence;
    return known ? FieldValue(double{found.tracks[index].track_confidence}) : FieldValue();
  }
  if (name == "dwell" && dwells != nullptr && index < found.ids.size()) {
    const auto dwell = dwells->find(found.ids[index]);
    return dwell == dwells->end() ? FieldValue() : FieldValue(dwell->second);
  }
  return std::nullopt;
}

FieldValue entry_of(const DataColumn& column, std::size_t index) {
  return std::visit(
      [&](const auto& values) -> FieldValue {
        using T = typename std::decay_t<decltype(values)>::value_type;
        if (index >= values.size()) return {};
        if constexpr (std::is_same_v<T, std::string>) {
          return values[index];
        } else if constexpr (std::is_floating_point_v<T>) {
          return double{values[index]};
        } else {
          return std::int64_t{values[index]};
        }
      },
      column.values);
}

std::string common_names(const Dwells* dwells) {
  return std::string("id, class, confidence, age, track_confidence") + (dwells != nullptr ? ", dwell" : "");
}

}  // namespace

std::optional<FieldValue> field_of(const Circles& found, std::size_t index, const std::string& name,
                                   const Dwells* dwells) {
  if (name == "class") return FieldValue();
  return common_field(found, index, found.circles[index].confidence, name, dwells);
}

std::optional<FieldValue> field_of(const Detections& found, std::size_t index, const std::string& name,
                                   const Dwells* dwells) {
  if (name == "class") return class_of_box(found, index);
  if (const auto* column = find_column(found.data, name); column != nullptr && column->shape.empty())
    return entry_of(*column, index);
  if (name == "class_name") return class_of_box(found, index);  // Detections' own names of its columns
  if (name == "class_id") return std::int64_t{found.boxes[index].class_id};
  return common_field(found, index, found.boxes[index].confidence, name, dwells);
}

std::string fields_of(const Circles& /*found*/, const Dwells* dwells) {
  return common_names(dwells);
}

std::string fields_of(const Detections& found, const Dwells* dwells) {
  auto names = common_names(dwells);
  for (const auto& column : found.data) {
    if (column.shape.empty()) names += ", " + column.name;
  }
  return names;
}

Dwells dwells_of(const ZoneCounts& counts) {
  Dwells dwells;
  for (std::size_t i = 0; i < counts.inside.size() && i < counts.seconds.size(); ++i)
    dwells[counts.inside[i]] = counts.seconds[i];
  return dwells;
}

Dwells dwells_of(const ZonesCounts& counts) {
  Dwells dwells;
  for (const auto& [name, zone] : counts.zones) {
    for (const auto& [id, seconds] : dwells_of(zone)) dwells[id] = std::max(dwells[id], seconds);
  }
  return dwells;
}

}  // namespace freshframe::vision
