// CircleAssociator with synthetic circles: identities across gaps, crossings, dropped frames and jumps in
// time.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe {
namespace {

constexpr double kFrame = 1.0 / 30;

Circle ball(double x, double y, double r = 20, float score = 0.9F) {
  return {static_cast<float>(x), static_cast<float>(y), static_cast<float>(r), score};
}

std::vector<std::int64_t> ids(CircleAssociator& tracker, double pts, const std::vector<Circle>& found) {
  return tracker.update(pts, found).ids;
}

TEST(CircleAssociator, GivesIdsFromOneOnInAscendingOrder) {
  CircleAssociator tracker;
  const auto out = tracker.update(0, {ball(300, 100), ball(100, 100), ball(200, 300)});
  EXPECT_EQ(out.ids, (std::vector<std::int64_t>{1, 2, 3}));
  ASSERT_EQ(out.circles.size(), 3U);
  EXPECT_EQ(out.circles[0].x, 300);
  const auto next = tracker.update(kFrame, {ball(200, 302), ball(302, 100), ball(100, 102)});
  EXPECT_EQ(next.ids, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(next.circles[0].x, 302);
  EXPECT_EQ(next.circles[2].x, 200);
}

TEST(CircleAssociator, ConfirmsAnUncertainCircleWhenItIsSeenAgain) {
  CircleAssociator tracker;
  EXPECT_TRUE(ids(tracker, 0, {ball(100, 100, 20, 0.6F)}).empty());
  EXPECT_EQ(ids(tracker, kFrame, {ball(101, 100, 20, 0.6F)}), std::vector<std::int64_t>{1});
}

TEST(CircleAssociator, ADoubtfulCircleContinuesATrackButStartsNone) {
  CircleAssociator tracker;
  EXPECT_EQ(ids(tracker, 0, {ball(100, 100)}).size(), 1U);
  const auto out = tracker.update(kFrame, {ball(101, 100, 20, 0.35F), ball(400, 300, 20, 0.35F)});
  EXPECT_EQ(out.ids, std::vector<std::int64_t>{1});
  const auto again = tracker.update(2 * kFrame, {ball(102, 100, 20, 0.35F), ball(400, 300, 20, 0.35F)});
  EXPECT_EQ(again.ids, std::vector<std::int64_t>{1});
}

TEST(CircleAssociator, ASureCircleIsPreferredToADoubtfulOneThatIsNearer) {
  CircleAssociator tracker;
  static_cast<void>(tracker.update(0, {ball(100, 100)}));
  const auto out = tracker.update(kFrame, {ball(100, 100, 20, 0.35F), ball(104, 100)});
  ASSERT_EQ(out.ids, std::vector<std::int64_t>{1});
  EXPECT_EQ(out.circles[0].x, 104);
}

TEST(CircleAssociator, KeepsTheIdThroughAGapShorterThanMaxGap) {
  CircleAssociator tracker({.max_gap = 0.5});
  const auto at = [](int frame) { return ball(100 + 200 * frame * kFrame, 150); };
  int frame = 0;
  for (; frame < 9; ++frame)
    EXPECT_EQ(ids(tracker, frame * kFrame, {at(frame)}), std::vector<std::int64_t>{1});
  for (; frame < 21; ++frame) EXPECT_TRUE(ids(tracker, frame * kFrame, {}).empty());
  EXPECT_EQ(ids(tracker, frame * kFrame, {at(frame)}), std::vector<std::int64_t>{1});
}

TEST(CircleAssociator, GivesANewIdAfterAGapLongerThanMaxGap) {
  CircleAssociator tracker({.max_gap = 0.5});
  EXPECT_EQ(ids(tracker, 1.0, {ball(100, 100)}), std::vector<std::int64_t>{1});
  for (int i = 1; i <= 17; ++i) EXPECT_TRUE(ids(tracker, 1.0 + i * kFrame, {}).empty());
  EXPECT_EQ(ids(tracker, 1.0 + 18 * kFrame, {ball(100, 100)}), std::vector<std::int64_t>{2});
}

TEST(CircleAssociator, PicturesThatNeverCameEndATrackAtTwiceMaxGap) {
  CircleAssociator tracker({.max_gap = 0.5});
  EXPECT_EQ(ids(tracker, 1.0, {ball(100, 100)}), std::vector<std::int64_t>{1});
  EXPECT_EQ(ids(tracker, 1.9, {ball(100, 100)}), std::vector<std::int64_t>{1});
  EXPECT_EQ(ids(tracker, 3.0, {ball(100, 100)}), std::vector<std::int64_t>{2});
}

TEST(CircleAssociator, ABallThatBouncesKeepsItsId) {
  CircleAssociator tracker;
  for (int i = 0; i <= 20; ++i) {
    const double x = std::abs(200 - 20.0 * i);  // 600 px/s towards a wall at 0 and back
    EXPECT_EQ(ids(tracker, i * kFrame, {ball(x, 100, 12)}), std::vector<std::int64_t>{1}) << "frame " << i;
  }
}

TEST(CircleAssociator, CirclesThatCrossKeepTheirIds) {
  CircleAssociator tracker;
  for (int i = 0; i <= 30; ++i) {
    const double x = 300.0 / 30 * i;
    const auto out = tracker.update(i * kFrame, {ball(50 + x, 100 + x * 0.5), ball(350 - x, 110 + x * 0.5)});
    ASSERT_EQ(out.ids, (std::vector<std::int64_t>{1, 2})) << "frame " << i;
    EXPECT_FLOAT_EQ(out.circles[0].x, static_cast<float>(50 + x)) << "frame " << i;
  }
}

TEST(CircleAssociator, CirclesThatHideEachOtherWhileTheyCrossKeepTheirIds) {
  CircleAssociator tracker;
  for (int i = 0; i <= 30; ++i) {
    const double x = 300.0 / 30 * i;
    std::vector<Circle> found = {ball(50 + x, 100)};
    if (std::abs(2 * x - 300) > 40) found.push_back(ball(350 - x, 100));  // otherwise hidden by the first
    const auto out = tracker.update(i * kFrame, found);
    ASSERT_EQ(out.ids.size(), found.size());
    EXPECT_EQ(out.ids[0], 1);
    EXPECT_FLOAT_EQ(out.circles[0].x, static_cast<float>(50 + x)) << "frame " << i;
    if (out.ids.size() == 2) {
      EXPECT_EQ(out.ids[1], 2);
    }
  }
}

TEST(CircleAssociator, DroppedFramesDoNotCostTheId) {
  CircleAssociator tracker;
  const std::set<int> kept = {0, 1, 2, 7, 9, 15, 16, 24, 30};
  for (const int i : kept) {
    const double t = i * kFrame;
    // A ball of radius 8, thrown upwards. It moves 400 px/s sideways, 13 px per frame.
    const auto out = tracker.update(t, {ball(50 + 400 * t, 300 - 350 * t + 300 * t * t, 8)});
    EXPECT_EQ(out.ids, std::vector<std::int64_t>{1}) << "frame " << i;
  }
}

TEST(CircleAssociator, SizeTellsCirclesApart) {
  CircleAssociator tracker;
  static_cast<void>(tracker.update(0, {ball(100, 100, 40), ball(104, 100, 10)}));
  const auto out = tracker.update(kFrame, {ball(102, 100, 10), ball(103, 100, 40)});
  EXPECT_EQ(out.circles[0].r, 40);
  EXPECT_EQ(out.ids, (std::vector<std::int64_t>{1, 2}));
}

TEST(CircleAssociator, AStepBackInTimeStartsAfreshAndIdsGoOn) {
  CircleAssociator tracker;
  EXPECT_EQ(ids(tracker, 5, {ball(100, 100)}), std::vector<std::int64_t>{1});
  EXPECT_EQ(ids(tracker, 0, {ball(100, 100)}), std::vector<std::int64_t>{2});
  EXPECT_EQ(ids(tracker, kFrame, {ball(100, 100)}), std::vector<std::int64_t>{2});
}

TEST(CircleAssociator, ARepeatedTimeIsNotAStepBack) {
  CircleAssociator tracker;
  EXPECT_EQ(ids(tracker, 1, {ball(100, 100)}), std::vector<std::int64_t>{1});
  EXPECT_EQ(ids(tracker, 1, {ball(100, 100)}), std::vector<std::int64_t>{1});
}

TEST(CircleAssociator, IdsAreNeverUsedAgain) {
  CircleAssociator tracker({.max_gap = 0.1});
  std::set<std::int64_t> seen;
  for (int i = 0; i < 50; ++i) {
    for (const auto id : ids(tracker, i * 1.0, {ball(100, 100), ball(300, 100)})) {
      EXPECT_TRUE(seen.insert(id).second);
    }
  }
  EXPECT_EQ(*seen.rbegin(), 100);
}

TEST(CircleAssociator, GivesTheSameIdsEachTime) {
  const auto run = [] {
    CircleAssociator tracker;
    std::vector<std::int64_t> all;
    for (int i = 0; i < 60; ++i) {
      std::vector<Circle> found;
      for (int k = 0; k < 12; ++k) {
        if ((i * 7 + k * 5) % 11 == 0) continue;
        found.push_back(ball(100 + 40 * k + 3 * i, 200 + 60 * std::sin(0.2 * i + k), 10 + k,
                             0.4F + 0.05F * static_cast<float>(k)));
      }
      const auto out = tracker.update(i * kFrame, found);
      all.insert(all.end(), out.ids.begin(), out.ids.end());
    }
    return all;
  };
  EXPECT_EQ(run(), run());
}

TEST(CircleAssociator, ReportsVelocityAgeAndConfidence) {
  CircleAssociator tracker;
  Circles out;
  for (int i = 0; i <= 20; ++i) {
    const double t = 3 + i * kFrame;
    const float score = i < 20 ? 0.9F : 0.5F;
    out = tracker.update(t, {ball(100 + 240 * (t - 3), 200 - 90 * (t - 3), 20, score)});
  }
  ASSERT_EQ(out.tracks.size(), 1U);
  EXPECT_NEAR(out.tracks[0].velocity_x, 240, 5);
  EXPECT_NEAR(out.tracks[0].velocity_y, -90, 5);
  EXPECT_NEAR(out.tracks[0].track_age, 20 * kFrame, 1e-4);
  EXPECT_NEAR(out.tracks[0].track_confidence, 0.85, 0.02) << "one bad look is no reason to doubt";
  EXPECT_TRUE(tracker.update(4, {}).tracks.empty());
}

TEST(CircleAssociator, ThousandsOfCirclesAreTrackedUpToABoundAndNoneIsMixedUp) {
  CircleAssociator tracker;
  std::vector<Circle> crowd;
  for (int k = 0; k < 5000; ++k) crowd.push_back(ball(40 * (k % 100), 40 * (k / 100), 10));
  const auto first = tracker.update(0, crowd);
  EXPECT_EQ(first.ids.size(), 512U);
  for (Circle& c : crowd) c.x += 6;
  const auto second = tracker.update(kFrame, crowd);
  ASSERT_EQ(second.ids, first.ids);
  for (std::size_t i = 0; i < first.circles.size(); ++i) {
    EXPECT_EQ(second.circles[i].x, first.circles[i].x + 6);
    EXPECT_EQ(second.circles[i].y, first.circles[i].y);
  }
}

TEST(CircleAssociator, ThousandsOfCirclesInOnePlaceCostNoMoreThanTheirBound) {
  CircleAssociator tracker;
  for (int i = 0; i < 4; ++i) {
    const std::vector<Circle> heap(3000, ball(100 + i, 100));
    EXPECT_EQ(tracker.update(i * kFrame, heap).ids.size(), 512U);
  }
}

TEST(CircleAssociator, CirclesWithInvalidNumbersAreIgnored) {
  CircleAssociator tracker;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float most = std::numeric_limits<float>::max();
  const std::vector<Circle> odd = {ball(100, 100),  {nan, nan, nan, 0.9F}, {1, 2, nan, 0.9F},
                                   {1, 2, 0, 0.9F}, {1, 2, -3, 0.9F},      {most, 2, 3, 0.9F},
                                   {1, 2, 3, nan}};
  for (int i = 0; i < 3; ++i) {
    const auto out = tracker.update(i * kFrame, odd);
    ASSERT_EQ(out.ids, std::vector<std::int64_t>{1}) << i;
    EXPECT_EQ(out.circles[0].x, 100);
    EXPECT_FLOAT_EQ(out.tracks[0].track_confidence, 0.9F);
  }
}

TEST(CircleAssociator, RefusesAMaxGapOfZeroAndInvalidTimes) {
  EXPECT_THROW(CircleAssociator({.max_gap = 0}), OptionError);
  CircleAssociator tracker;
  EXPECT_THROW(static_cast<void>(tracker.update(std::numeric_limits<double>::quiet_NaN(), {})), Error);
}

}  // namespace
}  // namespace freshframe
