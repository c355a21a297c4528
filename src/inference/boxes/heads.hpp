// The further numbers of a box, by the model's task: key points, a mask, an angle.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "inference/boxes/model_facts.hpp"

namespace freshframe::inference {

/// The parts of a model that are no boxes. Without any of them the model is a plain detector.
struct Head {
  // Poses: after the classes, this number of key points of x, y and, if there are 3 numbers, a confidence.
  std::size_t key_points = 0;
  std::size_t key_point_numbers = 0;
  // Masks: a box has this number of weights after its classes, one for each prototype of the output `masks`. 0: that
  // output has a mask for each row, of the whole picture.
  std::size_t coefficients = 0;
  std::optional<std::size_t> masks = {};  // an output [1, prototypes or rows, height, width] of logits
  // Turned boxes: an angle in radians after the classes, clockwise in the picture, from the box's width to the x
  // axis.
  bool turned = false;

  /// Numbers of a row after the box and its classes.
  [[nodiscard]] std::size_t numbers() const noexcept {
    return key_points * key_point_numbers + coefficients + (turned ? 1 : 0);
  }
  /// "6 numbers of key points"; empty without further numbers.
  [[nodiscard]] std::string describe() const;
};

/// Reads the task and the outputs of four axes. Throws OptionError for a model of another task, and for one whose
/// outputs do not fit its task.
[[nodiscard]] Head recognise_head(const ModelFacts& facts);

}  // namespace freshframe::inference
