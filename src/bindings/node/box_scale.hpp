// Detects boxes whose coordinates are not in pixels of the image, such as those of a model that saw a resized
// one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/results.hpp"
#include "freshframe/sample.hpp"

#include <optional>
#include <string>

namespace freshframe::python {

/// Checks the first results of one node, because trackers, counters and drawings accept such boxes without an
/// error. Not thread-safe.
class BoxScale {
 public:
  /// Logs a warning, once, if each of the first results with boxes has most of them outside of the image.
  /// Stops checking after one result that does not. `image`: the frame that the result is attached to, if
  /// any.
  void check(const std::string& node, const ValueRef& value, const Frame& image);

 private:
  [[nodiscard]] std::optional<std::string> find_fault(const Detections& found, PictureSize image);

  // results to check; with a single one, the box may be of an object that is leaving the image
  static constexpr int kResults = 5;

  int left_ = kResults;
};

}  // namespace freshframe::python
