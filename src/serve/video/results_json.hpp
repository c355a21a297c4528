// Results as JSON for pages: objects in units of 1/8 pixel, counts, lines and zones.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/results.hpp"
#include "freshframe/sample.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "serve/state/json.hpp"

namespace freshframe::serve {

/// Returns true if pages can draw values of this type.
[[nodiscard]] bool is_for_pages(const ValueRef& value);

/// Converts successive results of one port. Remembers what a page needs before the first one.
class ResultsJson {
 public:
  /// The body of a results message, or nullopt if pages cannot show the value. `size`: of the image in which
  /// the objects were found.
  [[nodiscard]] std::optional<std::string> write(const Stamp& stamp, const ValueRef& value,
                                                 PictureSize size = {});
  /// Members of a start message: results, names, lines, zones.
  void write_known(JsonWriter& json) const;

 private:
  void write_objects(JsonWriter& json, const Circles& found);
  void write_objects(JsonWriter& json, const Detections& found);

  std::string_view kind_;  // "boxes" or "circles"; empty before the first result
  ClassNames names_;
  std::string lines_;  // JSON, or empty
  std::string zones_;
};

}  // namespace freshframe::serve
