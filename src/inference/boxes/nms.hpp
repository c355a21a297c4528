// Non-maximum suppression: of boxes of one class that cover each other, the surest stays.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <cstddef>
#include <vector>

namespace freshframe::inference {

inline constexpr std::size_t kMostBoxes = 300;          // that a detector gives
inline constexpr std::size_t kMostCandidates = 30'000;  // the surest are considered

/// Greedy, class by class, as torchvision.ops.batched_nms. A box goes when its overlap (intersection over
/// union) with a surer one is more than `iou`. Most confident first; of equals the one that came first, so the
/// result is the same in every run.
[[nodiscard]] std::vector<Detection> suppress(std::vector<Detection> boxes, float iou);

/// Most confident first, at most kMostBoxes.
void keep_surest(std::vector<Detection>& boxes, std::size_t most = kMostBoxes);

}  // namespace freshframe::inference
