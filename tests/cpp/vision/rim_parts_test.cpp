// The parts that judge and polish a circle, each alone: samplers, features, network, smeared edge, polish.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "cpp/vision/drawn_discs.hpp"
#include "vision/rim/brightness.hpp"
#include "vision/rim/features.hpp"
#include "vision/rim/model.hpp"
#include "vision/rim/polish.hpp"
#include "vision/rim/smeared_edge.hpp"
#include <gtest/gtest.h>

namespace freshframe::vision {
namespace {

constexpr Circle kDrawnDisc{60.3F, 50.6F, 20, 0.9F};
constexpr int kDiscLevel = 200, kGroundLevel = 60;

/// A bright disc on a uniform background (or only noise), with the results of all earlier stages.
struct JudgedDisc {
  explicit JudgedDisc(bool is_drawn = true) {
    test::Canvas canvas(120, 100, kGroundLevel);
    if (is_drawn) {
      canvas.disc(double{kDrawnDisc.x}, double{kDrawnDisc.y}, double{kDrawnDisc.r}, kDiscLevel);
    } else {
      canvas.noise(20, 1);
    }
    field.compute(canvas.plane());
    rim.cast(field, kDrawnDisc, Rim::rays_for(kDrawnDisc.r), {});
    const auto edges = add_edge_features(field, kDrawnDisc, rim, {.arcs = 6}, features);
    add_brightness_features(field, kDrawnDisc, rim, edges, features);
  }

  GradientField field;
  Rim rim;
  Features features{};
};

TEST(RimProfile, OfADiscHasItsLargestJumpsNextToTheRim) {
  const JudgedDisc disc;
  const auto profile = measure_rim_profile(disc.field, kDrawnDisc, disc.rim);
  EXPECT_GT(profile.near, 0.95F);
  EXPECT_EQ(profile.reversals, 0);
  EXPECT_LT(profile.lopsided, 0.05F);
  EXPECT_EQ(std::max_element(profile.jumps.begin(), profile.jumps.end()) - profile.jumps.begin(), 3);
  EXPECT_TRUE(std::is_sorted(profile.contrasts.begin(), profile.contrasts.end()));
}

TEST(RimSurroundings, OfADiscAreItsOwnLevelInsideAndTheGroundOutside) {
  const JudgedDisc disc;
  const auto around = measure_rim_surroundings(disc.field, kDrawnDisc, disc.rim);
  EXPECT_NEAR(around.inner.mean(), kDiscLevel, 10);
  EXPECT_NEAR(around.outer.mean(), kGroundLevel, 10);
  EXPECT_NEAR(around.middle.mean(), kDiscLevel, 0.5);
  EXPECT_EQ(around.agreeing, around.inner.count);
  EXPECT_LT(around.differences, 0);
  EXPECT_EQ(around.inner_ring.fraction(), 0);
  EXPECT_EQ(around.middle_edges.fraction(), 0);
}

TEST(CircleModel, BelievesInADiscAndNotInNoise) {
  const JudgedDisc disc;
  EXPECT_TRUE(is_flawless(disc.features));
  EXPECT_TRUE(may_be_circle(disc.features));
  EXPECT_GT(circle_probability(disc.features), 0.95F);
  const JudgedDisc noise(false);
  EXPECT_FALSE(is_flawless(noise.features));
  EXPECT_LT(circle_probability(noise.features), 0.05F);
}

/// Returns the brightness along a ray: a step at `offset`, blurred by a box of `width` and by the fit's triangle, with
/// a slope of `shading` inside.
std::vector<float> smeared_samples(double width, double offset, double shading) {
  constexpr int kReach = 9, kSteps = 400;
  constexpr double kHalfBase = 2.6;
  std::vector<float> samples;
  for (int k = -kReach; k <= kReach; ++k) {
    double above = 0, all = 0;
    for (int i = 0; i < kSteps; ++i) {
      const double at = (2 * (i + 0.5) / kSteps - 1) * kHalfBase;
      const double weight = 1 - std::abs(at) / kHalfBase;
      all += weight;
      above += weight * std::clamp((k - offset - at) / width + 0.5, 0.0, 1.0);
    }
    samples.push_back(static_cast<float>(50 + 100 * above / all + shading * std::min(0.0, k - offset)));
  }
  return samples;
}

TEST(SmearedEdge, FitsExactlyWhereOffsetAndWidthAreRightWhateverTheShading) {
  for (const double shading : {0.0, 3.0}) {
    const auto samples = smeared_samples(4, 0.5, shading);
    EXPECT_LT(fit_edge(samples, 4, 0.5F).residual, 0.01) << shading;
    EXPECT_GT(fit_edge(samples, 4, 0).residual, 1) << shading;
    EXPECT_GT(fit_edge(samples, 8, 0.5F).residual, 1) << shading;
  }
}

TEST(SmearedEdge, DescendsTowardsTheEdgeAndItsWidth) {
  const auto samples = smeared_samples(4, 0.5, 0);
  const auto outside = fit_edge(samples, 4, 0.2F);
  EXPECT_NEAR(outside.direction[0] / outside.curvature[0], 0.3, 0.03);
  EXPECT_LT(fit_edge(samples, 4, 0.8F).direction[0], 0);
  EXPECT_GT(fit_edge(samples, 3, 0.5F).direction[1], 0);
  EXPECT_LT(fit_edge(samples, 5, 0.5F).direction[1], 0);
}

TEST(Polish, MovesACircleOntoItsEdge) {
  const JudgedDisc disc;
  const auto moved = polished(disc.field, {60.9F, 50.0F, 20.7F, 0.5F});
  EXPECT_NEAR(moved.x, kDrawnDisc.x, 0.1F);
  EXPECT_NEAR(moved.y, kDrawnDisc.y, 0.1F);
  EXPECT_NEAR(moved.r, kDrawnDisc.r, 0.15F);
  EXPECT_EQ(moved.confidence, 0.5F);
}

TEST(Polish, LeavesACircleWithTooLittleRimInThePicture) {
  const JudgedDisc disc;
  const Circle beside{-15, -15, 20, 0.9F};
  const auto kept = polished(disc.field, beside);
  EXPECT_EQ(kept.x, beside.x);
  EXPECT_EQ(kept.y, beside.y);
  EXPECT_EQ(kept.r, beside.r);
}

}  // namespace
}  // namespace freshframe::vision
