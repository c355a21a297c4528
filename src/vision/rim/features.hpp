// Numbers that tell a real circle from edges that happen to lie on one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "vision/rim/edges.hpp"
#include "vision/rim/rim.hpp"

namespace freshframe::vision {

inline constexpr int kFeatures = 59;
inline constexpr int kEdgeFeatures = 20;  // the first ones, which cost least
using Features = std::array<float, kFeatures>;

/// What is known of a candidate beside its picture.
struct Origin {
  float arcs = 0;          // how much of it the arcs of the candidate covered
  bool half_size = false;  // found in the picture of half size
};

/// `rim` holds the rays of `circle`. The meaning of each number is in the implementation; all are of order 1.
/// First those of the edges on the rim, whose statistics the others build on.
RimEdges add_edge_features(const GradientField& field, const Circle& circle, const Rim& rim,
                           const Origin& origin, Features& features) noexcept;
void add_brightness_features(const GradientField& field, const Circle& circle, const Rim& rim,
                             const RimEdges& edges, Features& features) noexcept;

/// Whether the rim is all there, clear and even, and the inside too even for a letter, so that only what lies
/// around speaks against a disc.
[[nodiscard]] bool is_flawless(const Features& features) noexcept;

}  // namespace freshframe::vision
