// Non-maximum suppression: of overlapping boxes of one class, the most confident stays.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <cstddef>
#include <vector>

namespace freshframe::inference {

inline constexpr std::size_t kMostBoxes = 300;          // of a detector
inline constexpr std::size_t kMostCandidates = 30'000;  // the most confident are considered

/// A box with the row of the model's output that it was read from. A turned one is upright here, with its angle.
struct Candidate : Detection {
  std::size_t row = 0;
  float angle = 0;  // radians, clockwise in the picture
};

/// Greedy, class by class, as torchvision.ops.batched_nms. A box is removed when its overlap (intersection
/// over union) with a more confident one is more than `iou`. Most confident first, and in the given order for
/// equal confidences, so the result is the same in every run.
[[nodiscard]] std::vector<Candidate> suppress(std::vector<Candidate> boxes, float iou);

/// Most confident first, at most kMostBoxes.
void keep_surest(std::vector<Candidate>& boxes, std::size_t most = kMostBoxes);

}  // namespace freshframe::inference
