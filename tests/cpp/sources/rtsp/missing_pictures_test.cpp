// The number of frames of which no packet arrived.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <vector>

#include "sources/rtsp/pictures/picture_maker.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

struct Came {
  std::int64_t time = 0;  // in units of 3000 ticks
  std::uint64_t lost = 0;
};

std::uint64_t missing(const std::vector<Came>& pictures, std::int64_t interval = 0) {
  MissingPictures counted(interval);
  std::uint64_t sum = 0;
  for (const auto& one : pictures) sum += counted.add(one.time * 3000, one.lost);
  return sum;
}

TEST(MissingPictures, AreCountedByTheTimesAroundALoss) {
  EXPECT_EQ(missing({{0}, {1}, {2}, {3}}), 0U);
  EXPECT_EQ(missing({{0}, {1}, {2}, {4, 3}, {5}}), 1U);
  EXPECT_EQ(missing({{0}, {1}, {2}, {6, 9}, {7}, {9, 1}}), 4U);
  EXPECT_EQ(missing({{0}, {1}, {2}, {3, 5}, {4}}), 0U) << "only parts are lost";
}

TEST(MissingPictures, AreNoMoreThanThePacketsThatAreLost) {
  EXPECT_EQ(missing({{0}, {1}, {2}, {9, 2}, {10}}), 2U) << "the camera paused, too";
  EXPECT_EQ(missing({{0}, {1}, {2}, {50}, {51}}), 0U) << "it paused";
}

TEST(MissingPictures, NeedAnIntervalThatIsLearnedOrDeclared) {
  EXPECT_EQ(missing({{0}, {3, 9}, {6, 9}}), 0U);
  EXPECT_EQ(missing({{0}, {3, 9}, {6, 9}}, 3000), 4U);
}

TEST(MissingPictures, MayBeAmongThoseThatComeInAnotherOrder) {
  // P-frames at 3, 6, 9, ..., each sent before the two B-frames that are shown before it.
  EXPECT_EQ(missing({{0}, {3}, {1}, {2}, {6}, {4}, {5}, {9}, {7}, {8}, {12}}), 0U);
  EXPECT_EQ(missing({{0}, {3}, {1}, {2}, {6}, {5, 1}, {9}, {7}, {8}, {12}}), 1U);
  EXPECT_EQ(missing({{0}, {3}, {1}, {2}, {6}, {4}, {5}, {7, 2}, {8}, {12}, {10}, {11}, {15}}), 1U)
      << "the P picture at 9";
}

TEST(MissingPictures, GoOnAfterAClockThatWasSet) {
  EXPECT_EQ(missing({{1000}, {1001}, {1002}, {0}, {1}, {2}, {4, 1}, {5}, {6}, {7}}), 1U);
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
