// The most confident class of each box, for outputs with one row per class.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshframe::inference {

struct BestClasses {
  std::vector<float> scores;          // score of the best class
  std::vector<std::int32_t> classes;  // the first class with that score
};

/// `rows` contains `classes` rows of `count` scores each. NaN scores are skipped, except those of class 0.
[[nodiscard]] BestClasses best_classes(const float* rows, std::size_t classes, std::size_t count);

}  // namespace freshframe::inference
