// The learned validation: the probability that a candidate with these features is a real circle.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vision/rim/features.hpp"

namespace freshframe::vision {

/// Returns true if a candidate may be a circle, judged by its first kEdgeFeatures alone. This weighted sum
/// passes nearly all real circles, and saves the rest of the work for most others (a cascade, after P. Viola,
/// M. Jones, "Rapid object detection using a boosted cascade of simple features", CVPR 2001).
[[nodiscard]] bool may_be_circle(const Features& features) noexcept;

/// Returns the probability in 0..1, from a network with two hidden layers trained by tools/circles/train.py
/// of commit 606c0673.
[[nodiscard]] float circle_probability(const Features& features) noexcept;

}  // namespace freshframe::vision
