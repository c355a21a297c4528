// Boxes that are turned: their corners, and the removal of duplicates.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "inference/boxes/nms.hpp"

namespace freshframe::inference {

/// The corners of a candidate whose upright box is turned around its centre by its angle: of a box that is not turned
/// right bottom, right top, left top and left bottom. In the coordinates of the candidate.
[[nodiscard]] std::array<Point, 4> corners_of(const Candidate& box);

/// Class by class. A box is removed when its overlap with any more confident one is more than `iou`, also with one that
/// is removed itself (Fast NMS: Bolya et al., "YOLACT", 2019, arXiv 1904.02689). The overlap is ProbIoU (Llerena et al.,
/// "Gaussian Bounding Boxes and Probabilistic Intersection-over-Union", 2021, arXiv 2106.06072): one minus the Hellinger
/// distance of normal distributions with the boxes' variances. Order and bounds as of suppress().
[[nodiscard]] std::vector<Candidate> suppress_turned(std::vector<Candidate> boxes, float iou);

}  // namespace freshframe::inference
