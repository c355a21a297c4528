// Supported layouts of detector outputs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "inference/picture/letterbox.hpp"

namespace freshframe::inference {

/// Boxes are in pixels of the input unless said otherwise.
enum class Layout : std::uint8_t {
  Yolov5,  // [1, n, 5 + classes]: center x, center y, width, height, objectness, a score per class
  Yolov8,  // [1, 4 + classes, n]: the same without objectness, transposed
  // [1, n, 6]: x1, y1, x2, y2, confidence, class; without duplicates. If the model has a Head, its values
  // follow. For oriented boxes the first four are centre and size
  End2end,
  Rtdetr,   // [1, n, 4 + classes]: center and size in 0..1, a score per class
  Rtdetr6,  // [1, n, 6]: center and size in 0..1, confidence, class
  // dets [1, n, 4]: centre and size in 0..1; labels [1, n, classes + 1]: logits, each for its own sigmoid;
  // the last one is "no object"
  Rfdetr,
  Detr,   // pred_boxes [1, n, 4] as above; logits [1, n, classes + 1] for a softmax, the last is "no object"
  Boxes,  // boxes [n, 4]: x1, y1, x2, y2; scores [n]; labels [n]
  Ssd     // boxes [1, n, 4]: corners in 0..1; scores [1, n, 1 + classes], the first is "no object"
};

[[nodiscard]] std::string_view to_string(Layout layout) noexcept;
/// The names of all layouts: "yolov5, yolov8, ..."
[[nodiscard]] std::string layout_names();
/// The layout with this name. Throws OptionError that lists the names.
[[nodiscard]] Layout parse_layout(std::string_view name);

/// Returns true if the output needs non-maximum suppression.
[[nodiscard]] bool needs_suppression(Layout layout) noexcept;

/// Sets the preprocessing that the layout's models need: value range, and whether images are stretched.
void apply_to(InputForm& form, Layout layout);

}  // namespace freshframe::inference
