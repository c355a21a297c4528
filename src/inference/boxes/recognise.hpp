// Recognizes the meaning of a detector's outputs from metadata, names and shapes, or rejects them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "inference/boxes/heads.hpp"
#include "inference/boxes/layout.hpp"
#include "inference/boxes/model_facts.hpp"

namespace freshframe::inference {

struct Recognised {
  Layout layout = Layout::Yolov8;
  int classes = 0;                      // 0 if unknown
  std::vector<std::string> names = {};  // class names, if known from the file or the user
  std::string why = {};                 // for `freshframe model`
  // Indexes of the outputs with boxes, scores and classes, if the layout has them.
  std::size_t boxes = 0;
  std::size_t scores = 0;
  std::size_t labels = 0;
  Head head = {};
};

/// Throws OptionError if the file is not a detector, or if no layout or several layouts fit. The message
/// shows the outputs and the options to pass.
[[nodiscard]] Recognised recognise(const ModelFacts& facts);

}  // namespace freshframe::inference
