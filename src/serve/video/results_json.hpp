// Results as JSON for pages: objects in eighths of a pixel, counts, lines and zones.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/results.hpp"
#include "freshframe/sample.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "serve/state/json.hpp"

namespace freshframe::serve {

/// Whether pages can draw a value of this type.
[[nodiscard]] bool is_for_pages(const ValueRef& value);

/// The results of one port, one after the other. It remembers what pages must know before the first one.
class ResultsJson {
 public:
  /// The body of a message of results; nullopt means not a value for pages. `size`: of the picture in which
  /// they were found.
  [[nodiscard]] std::optional<std::string> write(const Stamp& stamp, const ValueRef& value,
                                                 PictureSize size = {});
  /// Members of a start message: results, names, lines, zones.
  void write_known(JsonWriter& json) const;

 private:
  void write_objects(JsonWriter& json, const Circles& found);
  void write_objects(JsonWriter& json, const Detections& found);

  std::string_view kind_;  // "boxes" or "circles"; empty means there was no result
  ClassNames names_;
  std::string lines_;  // as JSON; empty means none
  std::string zones_;
};

}  // namespace freshframe::serve
