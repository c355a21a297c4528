// Text templates with fields in braces, such as "{class_name} {speed:.0f} m/s".
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/counting.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace freshframe::vision {

/// Unix time in seconds.
struct WallTime {
  double seconds = 0;
};

/// The value of a field. std::monostate, NaN and an empty string mean that this row has no value.
using FieldValue = std::variant<std::monostate, std::int64_t, double, std::string, WallTime>;

/// Fields and format specifications follow Python's str.format(), of the forms
/// [+][0][width][.precision][type] with the types d, e, f, g, % and s. The specification of a time is
/// strftime()'s, in UTC. "{{" and "}}" are braces.
class TextTemplate {
 public:
  /// Returns nullopt if there is no such field.
  using Lookup = std::function<std::optional<FieldValue>(const std::string& name)>;
  /// Returns the known names, for error messages.
  using Known = std::function<std::string()>;

  /// `option`: its name, for error messages. Throws OptionError.
  TextTemplate(std::string option, const std::string& text);

  /// A field without a value is omitted, together with the text up to the next field. Trailing spaces are
  /// removed. Throws Error for an unknown field, or a format that does not suit its value.
  [[nodiscard]] std::string fill(const Lookup& lookup, const Known& known) const;
  [[nodiscard]] bool empty() const noexcept { return head_.empty() && fields_.empty(); }

 private:
  struct Spec {
    bool plus = false;
    bool zeros = false;
    int width = 0;
    int precision = -1;
    char type = 0;
  };
  struct Field {
    std::string name;
    std::string given;  // its format specification
    Spec spec;
    std::string behind;  // the text up to the next field
  };

  [[nodiscard]] Field field(const std::string& inside) const;
  [[nodiscard]] Spec parse_spec(const std::string& name, const std::string& given) const;
  [[nodiscard]] std::string format_value(const Field& field, const FieldValue& value) const;
  [[nodiscard]] std::string number(const Field& field, double value, bool whole) const;

  std::string option_;
  std::string head_;  // the text before the first field
  std::vector<Field> fields_;
};

/// Seconds spent in a zone, by object id.
using Dwells = std::map<std::int64_t, double>;

/// A field is a column of a result file, dwell (null if the sample has no zones), or a data column with one
/// value per row.
[[nodiscard]] std::optional<FieldValue> find_field(const Circles& found, std::size_t index,
                                                   const std::string& name, const Dwells* dwells);
[[nodiscard]] std::optional<FieldValue> find_field(const Detections& found, std::size_t index,
                                                   const std::string& name, const Dwells* dwells);
/// The names of all fields, for error messages.
[[nodiscard]] std::string list_fields(const Circles& found, const Dwells* dwells);
[[nodiscard]] std::string list_fields(const Detections& found, const Dwells* dwells);

/// Seconds of the visits in progress. If an object is in several zones, the longest.
[[nodiscard]] Dwells find_dwells(const Zones& counts);

}  // namespace freshframe::vision
