// The numbers per candidate that the learned validation judges by.
// SPDX-License-Identifier: Apache-2.0
//
// Changing one means training again (tools/circles).
#include "vision/rim_features.hpp"

#include <algorithm>
#include <cmath>

#include "vision/rim_edges.hpp"
#include "vision/rim_surroundings.hpp"

namespace freshframe::vision {

Features rim_features(const GradientField& field, const Circle& circle, const Rim& rim, float arcs) noexcept {
  const RimEdges edges = measure_rim_edges(field, circle, rim);
  const RimSurroundings around = measure_rim_surroundings(field, circle, rim);
  const auto rays = static_cast<double>(rim.rays().size());
  const double agreeing = std::max(1, edges.agreeing);
  const double inner = around.inner.deviation();
  const double outer = around.outer.deviation();
  const double contrast = std::abs(around.outer.mean() - around.inner.mean());
  const double pairs = std::max(1, around.inner.count);
  const double difference = around.absolute_differences / pairs;
  const double strength = edges.log_magnitudes / agreeing;
  const double spread = edges.square_log_magnitudes / agreeing - strength * strength;
  const double radius{circle.r};
  const std::array<double, kFeatures> values = {
      edges.tight / rays,                          // 0 coverage, tight
      edges.agreeing / rays,                       // 1 coverage
      edges.opposing / rays,                       // 2 coverage by the other polarity
      std::sqrt(edges.square_offsets / agreeing),  // 3 scatter around the rim
      edges.cosines / agreeing,                    // 4 how well gradients point to the centre
      strength - 5,                                // 5 strength of the edges
      edges.strong / rays,                         // 6 coverage, clear contrast
      edges.longest_gap / rays,                    // 7
      std::log(radius) - 3,                        // 8 size
      10 / radius,                                 // 9
      contrast / (4 + inner + outer),              // 10 contrast against texture
      std::log(1 + inner) - 2,                     // 11 texture inside
      std::log(1 + outer) - 2,                     // 12 texture outside
      around.inner_ring.fraction(),                // 13 edges where there should be none: inside
      rim.inside() / rays,                         // 14 how much of the rim is in the picture
      difference / 40,                             // 15 contrast
      around.outer_ring.fraction(),                // 16 edges where there should be none: outside
      around.agreeing / pairs,                     // 17 clear difference of the right sign across the rim
      std::abs(around.differences) / (1 + around.absolute_differences),  // 18 its differences agree
      std::log(1 + around.middle.deviation()) - 2,                       // 19 texture in the middle
      around.middle_edges.fraction(),                                    // 20 edges in the middle
      edges.elongated.amplitude() / agreeing,                            // 21 an ellipse, pixels
      edges.one_sided.amplitude() / rays,                                // 22 an arc only
      edges.two_sided.amplitude() / rays,                                // 23 two opposite arcs: motion blur
      std::sqrt(std::max(0.0, spread)),                                  // 24 uneven strength
      strength - std::log(1 + 8 * difference),  // 25 sharpness: slope against contrast
      double{arcs} / 6,                         // 26 coverage by the candidate's arcs
      (rim.darker() + rim.brighter()) / rays,   // 27 rays that found anything
  };
  Features features;
  std::transform(values.begin(), values.end(), features.begin(),
                 [](double v) { return static_cast<float>(v); });
  return features;
}

}  // namespace freshframe::vision
