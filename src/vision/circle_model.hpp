// The learned validation: how likely a candidate with these features is a real circle.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vision/rim_features.hpp"

namespace freshframe::vision {

/// Probability in 0..1. A network of one hidden layer, trained by tools/circles/train.py.
[[nodiscard]] float circle_probability(const Features& features) noexcept;

}  // namespace freshframe::vision
