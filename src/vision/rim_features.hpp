// Numbers that tell a real circle from edges that happen to lie on one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "vision/rim.hpp"

namespace freshframe::vision {

inline constexpr int kFeatures = 16;
using Features = std::array<float, kFeatures>;

/// Pixels by which an edge may miss a rim of this radius and still count as part of it.
[[nodiscard]] float rim_tolerance(float radius) noexcept;

/// How much of the rim is there: fraction of the rays that found an edge on it; those of the rarer polarity
/// count for less.
[[nodiscard]] float rim_coverage(const Circle& circle, const Rim& rim) noexcept;

/// `rim` holds the rays of `circle`. The meaning of each number is in the implementation; all are of order 1.
[[nodiscard]] Features rim_features(const GradientField& field, const Circle& circle,
                                    const Rim& rim) noexcept;

}  // namespace freshframe::vision
