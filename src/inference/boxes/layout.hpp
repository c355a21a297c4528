// The layouts of a detector's outputs that are read.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "inference/picture/letterbox.hpp"

namespace freshframe::inference {

/// Boxes are in pixels of the input unless said otherwise.
enum class Layout : std::uint8_t {
  Yolov5,   // [1, n, 5 + classes]: centre x, centre y, width, height, objectness, a score per class
  Yolov8,   // [1, 4 + classes, n]: the same without objectness, columns of rows
  End2end,  // [1, n, 6]: x1, y1, x2, y2, confidence, class; without duplicates. Numbers of a Head follow it;
            // with an angle the first four are centre and size
  Rtdetr,   // [1, n, 4 + classes]: centre and size in 0..1, a score per class
  Rtdetr6,  // [1, n, 6]: centre and size in 0..1, confidence, class
  Rfdetr,   // dets [1, n, 4]: centre and size in 0..1; labels [1, n, classes + 1]: logits, of which each is
            // a sigmoid's, the last is no class
  Detr,     // pred_boxes [1, n, 4] as above; logits [1, n, classes + 1]: a softmax's, the last is "nothing"
  Boxes,    // boxes [n, 4]: x1, y1, x2, y2; scores [n]; labels [n]
  Ssd       // boxes [1, n, 4]: corners in 0..1; scores [1, n, 1 + classes], the first is "nothing"
};

[[nodiscard]] std::string_view to_string(Layout layout) noexcept;
/// "yolov5, yolov8, ..."
[[nodiscard]] std::string layout_names();
/// The layout of that name. Throws OptionError, which lists them.
[[nodiscard]] Layout parse_layout(std::string_view name);

/// Whether the model's output contains duplicates.
[[nodiscard]] bool needs_suppression(Layout layout) noexcept;

/// The input form of the layout's models: the scale of the numbers, and whether pictures are stretched.
void apply_to(InputForm& form, Layout layout);

}  // namespace freshframe::inference
