// Templates are parsed once and formatted for each row.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/text/text_template.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/utc_parts.hpp"
#include "vision/class_choice.hpp"

namespace freshframe::vision {

namespace {

constexpr int kMostLetters = 100;  // maximum width or precision of a field
constexpr std::string_view kTime = "utc";

std::string padded(std::string text, int width, bool left) {
  const auto wanted = static_cast<std::size_t>(width);
  if (text.size() >= wanted) return text;
  const std::string spaces(wanted - text.size(), ' ');
  return left ? text + spaces : spaces + text;
}

std::string time_text(const WallTime& time, const std::string& format) {
  const auto parts = core::utc_parts(static_cast<std::int64_t>(std::floor(time.seconds)));
  std::array<char, 256> text{};
  const auto length =
      std::strftime(text.data(), text.size(), format.empty() ? "%F %T" : format.c_str(), &parts);
  return {text.data(), length};
}

bool has_value(const FieldValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return false;
  if (const auto* number = std::get_if<double>(&value)) return std::isfinite(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return !text->empty();
  return true;
}

}  // namespace

TextTemplate::TextTemplate(std::string option, const std::string& text) : option_(std::move(option)) {
  std::size_t i = 0;
  while (i < text.size()) {
    const char letter = text[i];
    auto& literal = fields_.empty() ? head_ : fields_.back().behind;
    const bool twice = i + 1 < text.size() && text[i + 1] == letter;
    if (letter != '{' && letter != '}') {
      literal += letter;
      ++i;
    } else if (twice) {
      literal += letter;
      i += 2;
    } else {
      const auto end = letter == '{' ? text.find('}', i) : std::string::npos;
      if (end == std::string::npos)
        throw OptionError(
            option_ + (letter == '{' ? " has a '{' without a '}' in '" + text +
                                           "': close the name with }, or write {{ for a brace"
                                     : " has a '}' without a '{' in '" + text + "': write }} for a brace"));
      fields_.push_back(field(text.substr(i + 1, end - i - 1)));
      i = end + 1;
    }
  }
}

TextTemplate::Field TextTemplate::field(const std::string& inside) const {
  const auto colon = inside.find(':');
  Field result{.name = inside.substr(0, colon), .given = {}, .spec = {}, .behind = {}};
  if (colon != std::string::npos) result.given = inside.substr(colon + 1);
  if (result.name.empty())
    throw OptionError(option_ + " needs a name in each pair of braces, got '{" + inside + "}'");
  if (result.name != kTime) result.spec = parse_spec(result.name, result.given);
  return result;
}

TextTemplate::Spec TextTemplate::parse_spec(const std::string& name, const std::string& given) const {
  Spec spec;
  std::size_t i = 0;
  const auto digits = [&] {
    int number = 0;
    while (i < given.size() && std::isdigit(static_cast<unsigned char>(given[i])) != 0 &&
           number <= kMostLetters)
      number = 10 * number + (given[i++] - '0');
    return number;
  };
  if (i < given.size() && given[i] == '+') {
    spec.plus = true;
    ++i;
  }
  if (i < given.size() && given[i] == '0') {
    spec.zeros = true;
    ++i;
  }
  spec.width = digits();
  if (i < given.size() && given[i] == '.') {
    ++i;
    spec.precision = digits();
  }
  if (i < given.size() && std::string_view("defg%s").find(given[i]) != std::string_view::npos)
    spec.type = given[i++];
  if (i < given.size() || spec.width > kMostLetters || spec.precision > kMostLetters) {
    throw OptionError(option_ + " has the format '" + given + "' in {" + name +
                      "}, expected [+][0][width][.precision][d, e, f, g, % or s]");
  }
  return spec;
}

std::string TextTemplate::number(const Field& field, double value, bool whole) const {
  const Spec& spec = field.spec;
  if (spec.type == 's' || (spec.type == 'd' && !whole))
    throw Error(option_ + " has the format '" + field.given + "' for {" + field.name +
                "}, which is a number" +
                (whole ? ": pass d, e, f, g or %" : " with decimals: pass e, f, g or %"));
  const bool percent = spec.type == '%';
  const double shown = percent ? 100 * value : value;
  std::array<char, 512> text{};
  std::string format = spec.plus ? "%+" : "%";
  if (spec.zeros) format += '0';
  format += "*.*";
  const char type = spec.type == 0 ? 'g' : spec.type;
  format += percent ? 'f' : type == 'd' ? 'f' : type;
  const int digits = type == 'd' ? 0 : spec.precision >= 0 ? spec.precision : 6;
  const int width = percent ? std::max(0, spec.width - 1) : spec.width;
  // The format consists of the parts above, so it is not user-controlled.
  std::snprintf(text.data(), text.size(), format.c_str(), width, digits, shown);
  return text.data() + std::string(percent ? "%" : "");
}

std::string TextTemplate::format_value(const Field& field, const FieldValue& value) const {
  if (const auto* time = std::get_if<WallTime>(&value)) return time_text(*time, field.given);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    if (field.given.empty()) return std::to_string(*whole);
    return number(field, static_cast<double>(*whole), true);
  }
  if (const auto* real = std::get_if<double>(&value)) return number(field, *real, false);
  const auto& text = std::get<std::string>(value);
  const Spec& spec = field.spec;
  if (spec.plus || spec.zeros || (spec.type != 0 && spec.type != 's'))
    throw Error(option_ + " has the format '" + field.given + "' for {" + field.name +
                "}, which is a string");
  return padded(spec.precision >= 0 ? text.substr(0, static_cast<std::size_t>(spec.precision)) : text,
                spec.width, true);
}

std::string TextTemplate::fill(const Lookup& lookup, const Known& known) const {
  std::string text = head_;
  for (const auto& field : fields_) {
    const auto value = lookup(field.name);
    if (!value) throw Error(option_ + " has a field {" + field.name + "}, but there are only " + known());
    if (has_value(*value)) text += format_value(field, *value) + field.behind;
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

namespace {

struct TrackField {
  std::string_view name;
  bool TrackColumns::* known;
  float TrackInfo::* number;
};
constexpr std::array<TrackField, 4> kTrackFields = {
    {{"vx", &TrackColumns::velocity, &TrackInfo::velocity_x},
     {"vy", &TrackColumns::velocity, &TrackInfo::velocity_y},
     {"track_age", &TrackColumns::track_age, &TrackInfo::track_age},
     {"track_confidence", &TrackColumns::track_confidence, &TrackInfo::track_confidence}}};

template <class Found>
std::optional<FieldValue> common_field(const Found& found, std::size_t index, float confidence,
                                       const std::string& name, const Dwells* dwells) {
  if (name == "tracker_id") return index < found.ids.size() ? FieldValue(found.ids[index]) : FieldValue();
  if (name == "confidence") return double{confidence};
  if (name == "dwell" && dwells != nullptr && index < found.ids.size()) {
    const auto dwell = dwells->find(found.ids[index]);
    return dwell == dwells->end() ? FieldValue() : FieldValue(dwell->second);
  }
  const auto field = std::ranges::find(kTrackFields, name, &TrackField::name);
  if (field == kTrackFields.end()) return std::nullopt;
  const bool has_value = index < found.tracks.size() && found.columns.*(field->known);
  return has_value ? FieldValue(double{found.tracks[index].*(field->number)}) : FieldValue();
}

FieldValue read_entry(const DataColumn& column, std::size_t index) {
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

// Lists the fields in the order of the columns of a result file. freshframe/_results/columns.py has the same
// table.
std::string field_names(std::string_view own, const Dwells* dwells) {
  return std::string(own) + ", confidence, vx, vy, track_age, track_confidence" +
         (dwells != nullptr ? ", dwell" : "");
}

}  // namespace

std::optional<FieldValue> find_field(const Circles& found, std::size_t index, const std::string& name,
                                     const Dwells* dwells) {
  const auto& circle = found.circles[index];
  if (name == "x") return double{circle.x};
  if (name == "y") return double{circle.y};
  if (name == "r") return double{circle.r};
  return common_field(found, index, circle.confidence, name, dwells);
}

std::optional<FieldValue> find_field(const Detections& found, std::size_t index, const std::string& name,
                                     const Dwells* dwells) {
  const auto& box = found.boxes[index];
  if (const auto* column = find_column(found.data, name); column != nullptr && column->shape.empty())
    return read_entry(*column, index);
  if (name == "class_name") return find_class_name(found, index);
  if (name == "class_id") return std::int64_t{box.class_id};
  if (name == "x1") return double{box.x1};
  if (name == "y1") return double{box.y1};
  if (name == "x2") return double{box.x2};
  if (name == "y2") return double{box.y2};
  return common_field(found, index, box.confidence, name, dwells);
}

std::string list_fields(const Circles& /*found*/, const Dwells* dwells) {
  return field_names("tracker_id, x, y, r", dwells);
}

std::string list_fields(const Detections& found, const Dwells* dwells) {
  auto names = field_names("tracker_id, class_id, class_name, x1, y1, x2, y2", dwells);
  for (const auto& column : found.data) {
    if (column.shape.empty()) names += ", " + column.name;
  }
  return names;
}

Dwells find_dwells(const Zones& counts) {
  Dwells dwells;
  for (const auto& [name, zone] : counts.zones) {
    for (const auto& [id, seconds] : zone.dwell) dwells[id] = std::max(dwells[id], seconds);
  }
  return dwells;
}

}  // namespace freshframe::vision
