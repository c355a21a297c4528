// The sparse pairing makes the pairs that the dense assignment makes.
// SPDX-License-Identifier: Apache-2.0
#include "vision/tracking/pairing.hpp"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::vision {
namespace {

using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;

TEST(Pairing, MakesThePairsOfTheDenseAssignment) {
  std::mt19937 random(5);
  Pairing pairing;
  Assignment assignment;
  for (int round = 0; round < 300; ++round) {
    const std::size_t tracks = random() % 20;
    const std::size_t finds = random() % 16;
    pairing.start(tracks, finds);
    assignment.start(tracks, finds);
    for (std::size_t i = 0; i < tracks; ++i) {
      for (std::size_t j = 0; j < finds; ++j) {
        if (random() % 5 != 0) continue;
        const double cost = static_cast<double>(random() % 100000) * 1e-3 - 50;
        pairing.allow(i, j, cost);
        assignment.allow(i, j, cost);
      }
    }
    Pairs wanted;
    const auto& column_of = assignment.solve();
    for (std::size_t i = 0; i < tracks; ++i) {
      if (column_of[i] >= 0) wanted.emplace_back(i, static_cast<std::size_t>(column_of[i]));
    }
    const auto solved = pairing.solve();
    Pairs found(solved.begin(), solved.end());
    std::sort(found.begin(), found.end());
    ASSERT_EQ(found, wanted) << "round " << round;
  }
}

TEST(Pairing, KeepsTheCheapestPairsOfATrack) {
  Pairing pairing;
  pairing.start(1, 100);
  for (std::size_t j = 0; j < 100; ++j) pairing.allow(0, j, j == 73 ? -5 : 1);
  const auto solved = pairing.solve();
  EXPECT_EQ(Pairs(solved.begin(), solved.end()), (Pairs{{0, 73}}));
}

TEST(Pairing, FindsWhatLiesBetweenTwoPlaces) {
  Pairing pairing;
  const std::vector<double> at = {5, 1, 9, 3};
  pairing.sort_places(at.size(), [&](std::size_t j) { return at[j]; });
  const auto some = pairing.between(1.5, 5);
  EXPECT_EQ(std::vector<std::size_t>(some.begin(), some.end()), (std::vector<std::size_t>{3, 0}));
  EXPECT_TRUE(pairing.between(6, 8).empty());
  EXPECT_EQ(pairing.between(-1e9, 1e9).size(), 4U);
}

}  // namespace
}  // namespace freshframe::vision
