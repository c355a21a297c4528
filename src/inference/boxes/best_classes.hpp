// The most confident class of each box, from an output that has a row for each class.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshframe::inference {

struct BestClasses {
  std::vector<float> scores;          // scores of the best class
  std::vector<std::int32_t> classes;  // the first one with that score
};

/// For `classes` rows of `count` scores, one after the other. Scores that are NaN are passed over, but for scores of
/// class 0, which stay.
[[nodiscard]] BestClasses best_classes(const float* rows, std::size_t classes, std::size_t count);

}  // namespace freshframe::inference
