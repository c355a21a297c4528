// Numbers that distinguish a real circle from edges that are on one by chance: the inputs of the learned validation.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "vision/rim/edges.hpp"
#include "vision/rim/rim.hpp"

namespace freshframe::vision {

inline constexpr int kFeatures = 59;
inline constexpr int kEdgeFeatures = 20;  // the first ones, which are the cheapest
using Features = std::array<float, kFeatures>;

/// The facts about a candidate besides its picture.
struct Origin {
  float arcs = 0;          // the part that the candidate's arcs covered
  bool half_size = false;  // found in the picture of half size
};

/// `rim` holds the rays of `circle`. The meaning of each number is in the implementation; all are of order 1.
/// First come the numbers of the edges on the rim, whose statistics the others build on.
RimEdges add_edge_features(const GradientField& field, const Circle& circle, const Rim& rim,
                           const Origin& origin, Features& features) noexcept;
void add_brightness_features(const GradientField& field, const Circle& circle, const Rim& rim,
                             const RimEdges& edges, Features& features) noexcept;

/// Whether the rim is complete, clear and even, and the inside too even for a letter, so that only the
/// surroundings are evidence against a disc.
[[nodiscard]] bool is_flawless(const Features& features) noexcept;

}  // namespace freshframe::vision
