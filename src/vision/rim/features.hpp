// Numbers that distinguish a real circle from edges that form one by chance: the inputs of the learned
// validation.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "vision/rim/edges.hpp"
#include "vision/rim/rim.hpp"

namespace freshframe::vision {

inline constexpr int kFeatures = 59;
inline constexpr int kEdgeFeatures = 20;  // the first kEdgeFeatures features are the cheapest
using Features = std::array<float, kFeatures>;

/// What is known about a candidate apart from its image.
struct Origin {
  float arcs = 0;          // angle that arcs covered, in radians
  bool half_size = false;  // found in the image of half size
};

/// Appends the edge features, and returns the edge statistics on which the other features build. `rim` must
/// hold the rays of `circle`. The implementation documents each number; all are of order 1.
RimEdges add_edge_features(const GradientField& field, const Circle& circle, const Rim& rim,
                           const Origin& origin, Features& features) noexcept;
void add_brightness_features(const GradientField& field, const Circle& circle, const Rim& rim,
                             const RimEdges& edges, Features& features) noexcept;

/// Returns true if the rim is complete, clear and even, and the inside is too even for a letter. For such a
/// candidate, only the surroundings can be evidence against a disc.
[[nodiscard]] bool is_flawless(const Features& features) noexcept;

}  // namespace freshframe::vision
