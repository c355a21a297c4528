// Numbers that tell a real circle from edges that happen to lie on one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "vision/rim.hpp"

namespace freshframe::vision {

inline constexpr int kFeatures = 28;
using Features = std::array<float, kFeatures>;

/// `rim` holds the rays of `circle`, `arcs` is how much of it the arcs of its candidate covered. The meaning
/// of each number is in the implementation; all are of order 1.
[[nodiscard]] Features rim_features(const GradientField& field, const Circle& circle, const Rim& rim,
                                    float arcs) noexcept;

}  // namespace freshframe::vision
