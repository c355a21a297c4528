// The circle detector gives the same circles, bit by bit, on every instruction set of this machine.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <cstdint>
#include <vector>

#include "drawn_discs.hpp"
#include <gtest/gtest.h>
#include <hwy/highway.h>

namespace freshframe {
namespace {

std::vector<Circle> find_with(std::int64_t target, const Plane& plane) {
  hwy::SetSupportedTargetsForTest(target);
  hwy::GetChosenTarget().DeInit();  // the next call chooses anew
  auto circles = CircleFinder({.min_radius = 5, .max_radius = 100, .min_score = 0.1F}).find(plane);
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
  return circles;
}

TEST(CircleFinderSimd, EveryInstructionSetGivesTheSameCircles) {
  test::Canvas canvas(333, 217, 100);
  canvas.disc(80.3, 90.9, 41, 190);
  canvas.disc(200.6, 140.2, 17.5, 30);
  canvas.rectangle(240, 20, 300, 120, 160);
  canvas.noise(8, 11);
  const auto expected =
      CircleFinder({.min_radius = 5, .max_radius = 100, .min_score = 0.1F}).find(canvas.plane());
  ASSERT_GE(expected.size(), 2U);
  const std::int64_t supported = hwy::SupportedTargets();
  int tried = 0;
  for (std::int64_t left = supported; left != 0; left &= left - 1) {
    const std::int64_t target = left & -left;
    if ((target & HWY_TARGETS) == 0) continue;
    const auto found = find_with(target, canvas.plane());
    ++tried;
    ASSERT_EQ(found.size(), expected.size()) << hwy::TargetName(target);
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].x, expected[i].x) << hwy::TargetName(target);
      EXPECT_EQ(found[i].y, expected[i].y) << hwy::TargetName(target);
      EXPECT_EQ(found[i].r, expected[i].r) << hwy::TargetName(target);
    }
  }
  EXPECT_GE(tried, 1);
}

}  // namespace
}  // namespace freshframe
