// Non-maximum suppression for upright and oriented boxes: of overlapping boxes, of one class or of all, the
// most confident is kept.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/results.hpp"

#include <array>
#include <cstddef>
#include <vector>

#include "inference/boxes/decode.hpp"

namespace freshframe::inference {

inline constexpr std::size_t kMostBoxes = 300;          // maximum per detector
inline constexpr std::size_t kMostCandidates = 30'000;  // of more, only the most confident are considered

/// Greedy non-maximum suppression: class by class, like torchvision.ops.batched_nms, or with `agnostic` for
/// all classes together. A box is removed if its overlap (intersection over union) with a more confident one
/// that is kept is more than `iou`. The result is sorted by confidence, most confident first; equal ones keep
/// the given order, so it is the same in every run.
[[nodiscard]] std::vector<Candidate> suppress(std::vector<Candidate> boxes, float iou, bool agnostic = false);

/// Sorts by confidence and keeps at most kMostBoxes.
void keep_surest(std::vector<Candidate>& boxes, std::size_t most = kMostBoxes);

/// Like suppress(), but for oriented boxes, and a box is removed if its overlap with any more confident one
/// is more than `iou`, even if that one is removed too (Fast NMS: Bolya et al., "YOLACT", 2019, arXiv
/// 1904.02689). The overlap is ProbIoU (Llerena et al., "Gaussian Bounding Boxes and Probabilistic
/// Intersection-over-Union", 2021, arXiv 2106.06072): one minus the Hellinger distance of normal
/// distributions with the boxes' variances.
[[nodiscard]] std::vector<Candidate> suppress_turned(std::vector<Candidate> boxes, float iou,
                                                     bool agnostic = false);

/// The corners of the box after rotation around its center by its angle. For an angle of 0 their order is
/// bottom right, top right, top left, bottom left. In the candidate's coordinates.
[[nodiscard]] std::array<Point, 4> compute_corners(const Candidate& box);

}  // namespace freshframe::inference
