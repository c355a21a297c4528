// BoxMotion alone: which boxes may match a track, and the limits of its search interval.
// SPDX-License-Identifier: Apache-2.0
#include "vision/tracking/box_motion.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace freshframe::vision {
namespace {

Detection square(float x, float y, float side, int kind = 0) {
  return {x - side / 2, y - side / 2, x + side / 2, y + side / 2, 0.9F, kind};
}

BoxMotion::State predicted(const Detection& first, double dt) {
  auto state = BoxMotion::start(first);
  BoxMotion::predict(state, dt);
  return state;
}

TEST(BoxMotion, ABoxOfAnotherClassIsNeverTheSame) {
  const auto state = predicted(square(100, 100, 40), 0.04);
  EXPECT_TRUE(BoxMotion().fit(state, square(100, 100, 40)).possible);
  EXPECT_FALSE(BoxMotion().fit(state, square(100, 100, 40, 1)).possible);
}

TEST(BoxMotion, ASmallBoxMayMoveByMoreThanItsWidthWhereItsPlaceIsUncertain) {
  const auto early = predicted(square(100, 100, 8), 0.01);
  const auto late = predicted(square(100, 100, 8), 0.1);
  EXPECT_FALSE(BoxMotion().fit(early, square(112, 100, 8)).possible);
  EXPECT_TRUE(BoxMotion().fit(late, square(112, 100, 8)).possible);
}

TEST(BoxMotion, ABoxOfAnotherSizeFitsWorseOrNotAtAll) {
  const auto state = predicted(square(100, 100, 40), 0.04);
  const auto same = BoxMotion().fit(state, square(100, 100, 40));
  const auto larger = BoxMotion().fit(state, square(100, 100, 48));
  ASSERT_TRUE(larger.possible);
  EXPECT_GT(larger.cost, same.cost);
  EXPECT_FALSE(BoxMotion().fit(state, square(100, 100, 80)).possible);
}

TEST(BoxMotion, AHitMovesTheSidesPartOfTheWayToTheMeasuredOnes) {
  auto state = predicted(square(100, 100, 40), 0.04);
  BoxMotion::hit(state, square(100, 100, 50));
  EXPECT_GT(state.width, 40);
  EXPECT_LT(state.width, 50);
  EXPECT_EQ(state.width, state.height);
}

TEST(BoxMotion, NothingFitsOutsideOfItsReach) {
  const auto state = predicted(square(100, 100, 40), 0.1);
  const auto [low, high] = BoxMotion::reach(state);
  EXPECT_LT(low, 100);
  EXPECT_GT(high, 100);
  const BoxMotion any{.least_overlap = 0};
  EXPECT_FALSE(any.fit(state, square(static_cast<float>(high) + 1, 100, 40)).possible);
  EXPECT_FALSE(any.fit(state, square(static_cast<float>(low) - 1, 100, 40)).possible);
  EXPECT_TRUE(any.fit(state, square(static_cast<float>(high) - 1, 100, 40)).possible);
}

TEST(BoxMotion, InvalidBoxesAreIgnored) {
  const BoxMotion motion;
  EXPECT_TRUE(motion.counts(square(100, 100, 40)));
  EXPECT_FALSE(motion.counts(square(100, 100, -40)));
  EXPECT_FALSE(motion.counts(square(2e7F, 100, 40)));
  EXPECT_FALSE(motion.counts(square(std::numeric_limits<float>::quiet_NaN(), 100, 40)));
}

}  // namespace
}  // namespace freshframe::vision
