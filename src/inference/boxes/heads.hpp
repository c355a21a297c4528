// Additional values of a box, depending on the model's task: keypoints, a mask, an angle.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "inference/boxes/model_facts.hpp"

namespace freshframe::inference {

/// The parts of a model other than boxes. A plain detector has none of them.
struct Head {
  // Poses: number of keypoints after the classes, each with x, y and, if there are 3 values, a confidence.
  std::size_t key_points = 0;
  std::size_t key_point_numbers = 0;
  // Masks: number of weights after the classes, one for each prototype in the output `masks`. 0 if that
  // output has one full-image mask per row.
  std::size_t coefficients = 0;
  std::optional<std::size_t> masks = {};  // output [1, prototypes or rows, height, width] of logits
  // Oriented boxes: the classes are followed by the angle in radians, clockwise in the image, between the
  // box's width and the x axis.
  bool turned = false;

  /// Number of values of a row after the box and its classes.
  [[nodiscard]] std::size_t numbers() const noexcept {
    return key_points * key_point_numbers + coefficients + (turned ? 1 : 0);
  }
  /// Describes the head for messages: "6 numbers of key points"; empty for a plain detector.
  [[nodiscard]] std::string describe() const;
};

/// Determines the task from the metadata and outputs with four axes. Throws OptionError if the task is not
/// detection, or if the outputs do not fit the task.
[[nodiscard]] Head recognise_head(const ModelFacts& facts);

}  // namespace freshframe::inference
