// The trails of Annotate: bounded in time, and in the number of points and ids.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/trails.hpp"

#include <cmath>
#include <cstddef>

#include "cpp/vision/drawn.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

TEST(Trails, ForgetIdsThatAreNotSeenAndOldPoints) {
  vision::Trails trails(1.0);
  trails.add(one({1, 2, 3, 1}, 7), 0, 0.0);
  trails.add(one({2, 2, 3, 1}, 7), 0, 0.75);
  EXPECT_EQ(trails.find_trail(0, 7).size(), 2U);
  trails.add(one({9, 9, 3, 1}, 8), 0, 1.5);
  EXPECT_EQ(trails.find_trail(0, 7).size(), 1U);
  EXPECT_EQ(trails.find_trail(0, 7).front().x, 2);
  trails.add(one({9, 9, 3, 1}, 8), 0, 2.0);
  EXPECT_EQ(trails.find_trail(0, 7).size(), 0U);
  EXPECT_EQ(trails.find_trail(0, 8).size(), 2U);
  EXPECT_EQ(trails.find_trail(1, 8).size(), 0U);
}

TEST(Trails, BeginAgainInFramesOfAnotherSize) {
  vision::Trails trails(10.0);
  trails.resize(0, {640, 480});
  trails.add(one({1, 2, 3, 1}, 7), 0, 0.0);
  trails.resize(0, {640, 480});
  trails.add(one({2, 2, 3, 1}, 7), 0, 0.5);
  EXPECT_EQ(trails.find_trail(0, 7).size(), 2U);
  trails.resize(0, {320, 240});
  trails.add(one({3, 2, 3, 1}, 7), 0, 1.0);
  EXPECT_EQ(trails.find_trail(0, 7).size(), 1U);
}

TEST(Trails, AreBoundedEvenIfTimeStopsOrIsNan) {
  vision::Trails trails(60.0);
  for (std::size_t i = 0; i < vision::Trails::kMaxPoints + 10; ++i) trails.add(one({1, 2, 3, 1}, 7), 0, 0.0);
  EXPECT_EQ(trails.find_trail(0, 7).size(), vision::Trails::kMaxPoints);
  trails.add(one({1, 2, 3, 1}, 9), 0, std::nan(""));
  EXPECT_EQ(trails.find_trail(0, 9).size(), 0U);
}

}  // namespace
}  // namespace freshframe
