// The meaning of a detector's outputs, recognised from the file's metadata, names and shapes, or refused.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "inference/boxes/heads.hpp"
#include "inference/boxes/model_facts.hpp"
#include "inference/picture/letterbox.hpp"

namespace freshframe::inference {

/// Boxes are in pixels of the input unless said otherwise.
enum class Layout : std::uint8_t {
  Yolov5,  // [1, n, 5 + classes]: centre x, centre y, width, height, objectness, a score per class
  Yolov8,  // [1, 4 + classes, n]: the same without objectness, columns of rows
  End2end,  // [1, n, 6]: x1, y1, x2, y2, confidence, class; without duplicates. Numbers of a Head are behind it;
            // with an angle the first four are centre and size
  Rtdetr,   // [1, n, 4 + classes]: centre and size in 0..1, a score per class
  Rtdetr6,  // [1, n, 6]: centre and size in 0..1, confidence, class
  Rfdetr,   // dets [1, n, 4]: centre and size in 0..1; labels [1, n, classes + 1]: logits, of which each is
            // a sigmoid's, the last is no class
  Detr,     // pred_boxes [1, n, 4] as above; logits [1, n, classes + 1]: a softmax's, the last is "nothing"
  Boxes,    // boxes [n, 4]: x1, y1, x2, y2; scores [n]; labels [n]
  Ssd       // boxes [1, n, 4]: corners in 0..1; scores [1, n, 1 + classes], of which the first is "nothing"
};

[[nodiscard]] std::string_view to_string(Layout layout) noexcept;
/// The layout of that name. Throws OptionError, which lists them.
[[nodiscard]] Layout layout_of(std::string_view name);

/// Whether the model's output contains duplicates.
[[nodiscard]] bool needs_suppression(Layout layout) noexcept;

/// The input form of the layout's models: the scale of the numbers, and whether pictures are stretched.
void apply_to(InputForm& form, Layout layout);

struct Recognised {
  Layout layout = Layout::Yolov8;
  int classes = 0;                      // 0: not known
  std::vector<std::string> names = {};  // of the classes, if the file or the user has them
  std::string why = {};                 // for `freshframe model`
  // The outputs with the boxes, scores and classes, as far as the layout has them.
  std::size_t boxes = 0;
  std::size_t scores = 0;
  std::size_t labels = 0;
  Head head = {};
};

/// Throws OptionError if the file is no detector, or if none or more than one layout fits. The error shows
/// the outputs and the options to pass.
[[nodiscard]] Recognised recognise(const ModelFacts& facts);

}  // namespace freshframe::inference
