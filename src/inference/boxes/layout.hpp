// The meaning of a detector's outputs, recognised from the file's metadata, names and shapes, or refused.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference/runtime/session.hpp"

namespace freshframe::inference {

// The further numbers of a box, by the model's task: key points, a mask, an angle.

struct ModelFacts;

/// The parts of a model that are no boxes. Without any of them the model is a plain detector.
struct Head {
  // Poses: behind the classes, so many key points of x, y and, if there are 3 numbers, a confidence.
  std::size_t key_points = 0;
  std::size_t key_point_numbers = 0;
  // Masks: a box has so many weights behind its classes, one for each prototype of the output `masks`. 0: that
  // output has a mask for each row, of the whole picture.
  std::size_t coefficients = 0;
  std::optional<std::size_t> masks = {};  // an output [1, prototypes or rows, height, width] of logits
  // Turned boxes: an angle in radians behind the classes, clockwise in the picture, from the box's width to the x axis.
  bool turned = false;

  /// Numbers of a row behind the box and its classes.
  [[nodiscard]] std::size_t numbers() const noexcept {
    return key_points * key_point_numbers + coefficients + (turned ? 1 : 0);
  }
  /// "6 numbers of key points"; empty without further numbers.
  [[nodiscard]] std::string described() const;
};

/// Reads the task and the outputs of four axes. Throws OptionError for a model of another task, and for one whose
/// outputs do not fit its task.
[[nodiscard]] Head head_of(const ModelFacts& facts);

/// OptionError that the file is no detector but `what`.
[[noreturn]] void refuse_task(const ModelFacts& facts, const std::string& what);

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

/// The facts about a model before its layout is recognised. Shapes are those of a run.
struct ModelFacts {
  std::string path;
  int width = 0;
  int height = 0;
  std::vector<TensorInfo> outputs = {};
  std::map<std::string, std::string> metadata = {};
  std::optional<std::vector<std::string>> names = {};  // given by the user: they take precedence
  std::optional<Layout> layout = {};                   // likewise

  /// The metadata of that name; empty: there is none.
  [[nodiscard]] std::string metadata_text(const std::string& key) const;
};

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

/// The names in Ultralytics' form, {0: 'person', 1: 'car'}, or in a list; nullopt: neither form.
[[nodiscard]] std::optional<std::vector<std::string>> parse_names(std::string_view text);

}  // namespace freshframe::inference
