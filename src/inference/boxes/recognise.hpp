// The meaning of a detector's outputs, recognised from the file's metadata, names and shapes, or refused.
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
  int classes = 0;                      // 0: not known
  std::vector<std::string> names = {};  // names of the classes, if the file or the user has them
  std::string why = {};                 // for `freshframe model`
  // The outputs with the boxes, scores and classes, if the layout has them.
  std::size_t boxes = 0;
  std::size_t scores = 0;
  std::size_t labels = 0;
  Head head = {};
};

/// Throws OptionError if the file is no detector, or if none or more than one layout fits. The error shows
/// the outputs and the options to pass.
[[nodiscard]] Recognised recognise(const ModelFacts& facts);

}  // namespace freshframe::inference
