// Computes 59 numbers per candidate that distinguish a real circle from edges that form one by chance.
// SPDX-License-Identifier: Apache-2.0
//
// They are numbered from 0 to 58 in the order of Features: 0 to 19 describe the edges on the rim, 20 to 30
// the brightness on both sides of it, 31 to 58 the brightness across and along it. They are the inputs of the
// network (model.hpp), which must be trained again if any of them changes (tools/circles of commit 606c0673).
#include "vision/rim/features.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "vision/rim/brightness.hpp"

namespace freshframe::vision {

namespace {

template <std::size_t kCount>
void put(Features& features, std::size_t first, const std::array<double, kCount>& values) {
  std::transform(values.begin(), values.end(), features.begin() + static_cast<std::ptrdiff_t>(first),
                 [](double v) { return static_cast<float>(v); });
}

}  // namespace

RimEdges add_edge_features(const GradientField& field, const Circle& circle, const Rim& rim,
                           const Origin& origin, Features& features) noexcept {
  const RimEdges edges = measure_rim_edges(field, circle, rim);
  const auto rays = static_cast<double>(rim.rays().size());
  const double agreeing = std::max(1, edges.agreeing);
  const double strength = edges.log_magnitudes / agreeing;
  const double spread = edges.square_log_magnitudes / agreeing - strength * strength;
  const double radius{circle.r};
  put(features, 0,
      std::array<double, kEdgeFeatures>{
          edges.tight / rays,                          // 0 coverage, tight
          edges.agreeing / rays,                       // 1 coverage
          edges.opposing / rays,                       // 2 coverage by the other polarity
          std::sqrt(edges.square_offsets / agreeing),  // 3 scatter around the rim
          edges.cosines / agreeing,                    // 4 how well gradients point to the centre
          strength - 5,                                // 5 edge strength
          edges.strong / rays,                         // 6 coverage, clear contrast
          edges.longest_gap / rays,                    // 7
          std::log(radius) - 3,                        // 8 size
          10 / radius,                                 // 9
          rim.inside() / rays,                         // 10 share of the rim in the image
          edges.elongated.amplitude() / agreeing,      // 11 an ellipse, pixels
          edges.one_sided.amplitude() / rays,          // 12 an arc only
          edges.two_sided.amplitude() / rays,          // 13 two opposite arcs: motion blur
          std::sqrt(std::max(0.0, spread)),            // 14 uneven strength
          double{origin.arcs} / 6,                     // 15 coverage by the candidate's arcs
          (rim.darker() + rim.brighter()) / rays,      // 16 rays that found an edge
          edges.tight_either / rays,                   // 17 coverage by either polarity, tight
          edges.longest_gap_either / rays,             // 18
          origin.half_size ? 1.0 : 0.0,                // 19
      });
  return edges;
}

namespace {

constexpr std::size_t kSurroundingsFeatures = 11;
constexpr std::size_t kProfileFeatures =
    std::size_t{kFeatures} - std::size_t{kEdgeFeatures} - kSurroundingsFeatures;

// Grey levels enter as logarithms, because ratios matter.
std::array<double, kProfileFeatures> profile_numbers(const RimProfile& profile) {
  std::array<double, kProfileFeatures> numbers = {
      double{profile.central},    // 31 largest change of brightness at the rim
      double{profile.near},       // 32
      double{profile.shading},    // 33 share of the contrast that light from one side explains
      double{profile.lopsided},   // 34
      double{profile.reversals},  // 35 changes of polarity along the rim
  };
  auto next = numbers.begin() + 5;
  const auto add = [&](const auto& values) {
    next = std::transform(values.begin(), values.end(), next, [](float v) { return std::log(1 + v) - 2; });
  };
  add(profile.jumps);      // 36 to 42 change of brightness, from inside to outside
  add(profile.roughness);  // 43 to 50 texture along the rings, from inside to outside
  add(profile.contrasts);  // 51 to 58 contrast of the sectors, from the weakest to the strongest
  return numbers;
}

}  // namespace

void add_brightness_features(const GradientField& field, const Circle& circle, const Rim& rim,
                             const RimEdges& edges, Features& features) noexcept {
  const RimSurroundings around = measure_rim_surroundings(field, circle, rim);
  const double inner = around.inner.deviation();
  const double outer = around.outer.deviation();
  const double contrast = std::abs(around.outer.mean() - around.inner.mean());
  const double pairs = std::max(1, around.inner.count);
  const double difference = around.absolute_differences / pairs;
  const double strength = edges.log_magnitudes / std::max(1, edges.agreeing);
  put(features, kEdgeFeatures,
      std::array<double, kSurroundingsFeatures>{
          contrast / (4 + inner + outer),  // 20 contrast against texture
          std::log(1 + inner) - 2,         // 21 texture inside
          std::log(1 + outer) - 2,         // 22 texture outside
          around.inner_ring.fraction(),    // 23 unexpected edges: inside
          difference / 40,                 // 24 contrast
          around.outer_ring.fraction(),    // 25 unexpected edges: outside
          around.agreeing / pairs,         // 26 clear difference of the right sign across the rim
          std::abs(around.differences) / (1 + around.absolute_differences),  // 27 its differences agree
          std::log(1 + around.middle.deviation()) - 2,                       // 28 texture in the middle
          around.middle_edges.fraction(),                                    // 29 edges in the middle
          strength - std::log(1 + 8 * difference),  // 30 sharpness: slope against contrast
      });
  put(features, kEdgeFeatures + kSurroundingsFeatures,
      profile_numbers(measure_rim_profile(field, circle, rim)));
}

bool is_flawless(const Features& features) noexcept {
  // Indices of features, by their numbers above, and their least or greatest values.
  constexpr std::size_t kTight = 0, kScatter = 3, kUneven = 14, kClear = 26, kMiddle = 28, kLopsided = 34;
  constexpr float kMinTight = 0.9F, kMaxScatter = 0.25F, kMaxUneven = 0.4F, kMinClear = 0.9F, kMaxMiddle = 1,
                  kMaxLopsided = 0.25F;
  return features[kTight] >= kMinTight && features[kScatter] <= kMaxScatter &&
         features[kUneven] <= kMaxUneven && features[kClear] >= kMinClear &&
         features[kMiddle] <= kMaxMiddle && features[kLopsided] <= kMaxLopsided;
}

}  // namespace freshframe::vision
