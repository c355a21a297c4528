// The circle detector gives the same circles, bit by bit, on every instruction set of this machine.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <vector>

#include "cpp/simd_targets.hpp"
#include "cpp/vision/drawn_discs.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

constexpr CircleDetectorOptions kOptions = {.min_radius = 5, .max_radius = 150, .min_confidence = 0.1F};

/// Pictures whose widths are no multiples of a vector, sharp and smeared, faint and bright.
std::vector<test::Canvas> pictures() {
  std::vector<test::Canvas> out;
  for (const int width : {333, 320, 641}) {
    test::Canvas canvas(width, 217, 100, width % 7);
    canvas.disc(80.3, 90.9, 41, 190);
    canvas.disc(200.6, 140.2, 17.5, 30);
    canvas.disc(140.4, 190.1, 9.2, 125);
    for (int i = 0; i < 12; ++i) canvas.disc(250 + i, 60 + 0.5 * i, 30, 100 + 10 * i);
    canvas.rectangle(240, 120, 300, 190, 160);
    canvas.noise(width % 9, static_cast<unsigned>(width));
    out.push_back(canvas);
  }
  test::Canvas chaos(301, 203, 0);
  chaos.chaos(5);
  out.push_back(chaos);
  return out;
}

TEST(CircleFinderSimd, EveryInstructionSetGivesTheSameCircles) {
  std::size_t circles = 0;
  for (const auto& canvas : pictures()) {
    const auto expected = CircleFinder(kOptions).find(canvas.plane());
    circles += expected.size();
    for (const auto target : test::simd_targets()) {
      const test::OnlyTarget only(target);
      const auto found = CircleFinder(kOptions).find(canvas.plane());
      ASSERT_EQ(found.size(), expected.size()) << hwy::TargetName(target);
      for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].x, expected[i].x) << hwy::TargetName(target);
        EXPECT_EQ(found[i].y, expected[i].y) << hwy::TargetName(target);
        EXPECT_EQ(found[i].r, expected[i].r) << hwy::TargetName(target);
        EXPECT_EQ(found[i].confidence, expected[i].confidence) << hwy::TargetName(target);
      }
    }
  }
  EXPECT_GE(circles, 8U);
  EXPECT_GE(test::simd_targets().size(), 1U);
}

}  // namespace
}  // namespace freshframe
