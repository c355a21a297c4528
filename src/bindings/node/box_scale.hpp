// Notices boxes that are of another scale than the image, such as those of a model that saw a resized one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/results.hpp"

#include <optional>
#include <string>

namespace freshframe::python {

/// Judges the first results of one node. Trackers, counters and drawings would take such boxes without an error.
/// Not thread-safe.
class BoxScale {
 public:
  /// True until the verdict: later results need not be passed.
  [[nodiscard]] bool is_open() const noexcept { return left_ > 0; }
  /// Returns a warning, once, if most boxes of each of the first results with boxes are outside of the image.
  /// One result whose boxes are inside settles it.
  [[nodiscard]] std::optional<std::string> find_fault(const Detections& found, PictureSize image);

 private:
  static constexpr int kResults = 5;  // a single one may be an object that leaves the image

  int left_ = kResults;
};

}  // namespace freshframe::python
