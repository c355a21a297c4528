// BoxAssociator with synthetic boxes: new and ended tracks, gaps, dropped frames, classes, crowds.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe {
namespace {

constexpr double kBoxFrame = 1.0 / 30;
using Ids = std::vector<std::int64_t>;

Detection box(double x, double y, double width = 40, double height = 80, float score = 0.9F, int kind = 0) {
  return {static_cast<float>(x),
          static_cast<float>(y),
          static_cast<float>(x + width),
          static_cast<float>(y + height),
          score,
          kind};
}

Ids ids(BoxAssociator& tracker, double pts, const std::vector<Detection>& found) {
  return tracker.update(pts, found).ids;
}

TEST(BoxAssociator, GivesIdsToBoxesSeenTwiceOrCertain) {
  BoxAssociator tracker;
  EXPECT_EQ(ids(tracker, 0, {box(10, 10), box(200, 10, 40, 80, 0.6F)}), Ids{1});
  const auto out = tracker.update(
      kBoxFrame, std::vector<Detection>{box(201, 10, 40, 80, 0.6F), box(11, 10), box(400, 0, 9, 9, 0.4F)});
  EXPECT_EQ(out.ids, (Ids{1, 2}));
  EXPECT_EQ(out.rows, (Ids{1, 0}));
}

TEST(BoxAssociator, KeepsTheIdThroughOcclusionAndEndsAfterMaxGap) {
  BoxAssociator tracker({.max_gap = 0.5});
  int frame = 0;
  const auto at = [&] { return box(50 + 5 * frame, 60); };
  for (; frame < 10; ++frame) EXPECT_EQ(ids(tracker, frame * kBoxFrame, {at()}), Ids{1});
  for (; frame < 22; ++frame) EXPECT_TRUE(ids(tracker, frame * kBoxFrame, {}).empty());
  EXPECT_EQ(ids(tracker, frame * kBoxFrame, {at()}), Ids{1});
  for (++frame; frame < 50; ++frame) EXPECT_TRUE(ids(tracker, frame * kBoxFrame, {}).empty());
  EXPECT_EQ(ids(tracker, frame * kBoxFrame, {at()}), Ids{2});
}

TEST(BoxAssociator, SmallFastBoxesKeepTheirIdsAlthoughTheyNeverOverlap) {
  BoxAssociator tracker;
  for (const int i : {0, 1, 2, 7, 9, 15, 16, 24, 30}) {
    EXPECT_EQ(ids(tracker, i * kBoxFrame, {box(20 + 14 * i, 40, 8, 8), box(600 - 14 * i, 48, 8, 8)}),
              (Ids{1, 2}))
        << i;
  }
}

// Simulates 30 walkers, one after another, each for 7 s at 15 fps. Each edge of the box jitters by a standard deviation
// of `noise` pixels. Returns the number of ids, which is 30 if each walker keeps its id.
std::size_t ids_of_walks(double width, double height, double noise) {
  std::size_t count = 0;
  for (unsigned seed = 0; seed < 30; ++seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> jitter;
    BoxAssociator tracker;
    std::set<std::int64_t> seen;
    for (int i = 0; i < 105; ++i) {
      const double x = 300 + i / 15.0 * 0.8 * height;  // 1.4 m/s of a person of 1.75 m
      Detection walker = box(x, 300, width, height);
      for (float* edge : {&walker.x1, &walker.y1, &walker.x2, &walker.y2})
        *edge += static_cast<float>(noise * jitter(random));
      if (walker.x2 - walker.x1 < 1) continue;  // no detector returns such a box
      for (const auto id : ids(tracker, i / 15.0, {walker})) seen.insert(id);
    }
    count += seen.size();
  }
  return count;
}

TEST(BoxAssociator, AWalkerFarAwayKeepsItsIdAlthoughTheEdgesOfItsBoxJitter) {
  EXPECT_EQ(ids_of_walks(60, 160, 2), 30U);
  EXPECT_LE(ids_of_walks(20, 88, 2), 31U);
  EXPECT_LE(ids_of_walks(13, 60, 2), 31U);
  EXPECT_LE(ids_of_walks(7, 31, 2), 31U);
}

TEST(BoxAssociator, AskedForMoreOverlapItContinuesLess) {
  // After a second without motion, the box moves sideways in a single step.
  const auto jumps = [](float iou) {
    BoxAssociator tracker({.min_iou = iou});
    for (int i = 0; i < 30; ++i) static_cast<void>(ids(tracker, i * kBoxFrame, {box(100, 100, 40, 40)}));
    return ids(tracker, 30 * kBoxFrame, {box(110, 100, 40, 40)});
  };
  EXPECT_EQ(jumps(0.3F), Ids{1});
  EXPECT_EQ(jumps(0.95F), Ids{2});
}

TEST(BoxAssociator, ATrackKeepsItsClass) {
  BoxAssociator tracker;
  EXPECT_EQ(ids(tracker, 0, {box(10, 10, 40, 80, 0.9F, 0)}), Ids{1});
  EXPECT_EQ(ids(tracker, kBoxFrame, {box(10, 10, 40, 80, 0.9F, 2)}), Ids{2});
  EXPECT_EQ(ids(tracker, 2 * kBoxFrame, {box(10, 10, 40, 80, 0.9F, 0)}), Ids{1});
}

TEST(BoxAssociator, ALowConfidenceBoxOnlyContinuesATrackAndOneBelowTheMinimumIsIgnored) {
  BoxAssociator tracker({.min_confidence = 0.2F});
  EXPECT_TRUE(ids(tracker, 0, {box(10, 10, 40, 80, 0.4F)}).empty());
  EXPECT_TRUE(ids(tracker, kBoxFrame, {box(10, 10, 40, 80, 0.4F)}).empty());
  EXPECT_EQ(ids(tracker, 2 * kBoxFrame, {box(10, 10)}), Ids{1});
  EXPECT_EQ(ids(tracker, 3 * kBoxFrame, {box(10, 10, 40, 80, 0.21F)}), Ids{1});
  EXPECT_TRUE(ids(tracker, 4 * kBoxFrame, {box(10, 10, 40, 80, 0.19F)}).empty());
}

TEST(BoxAssociator, AStepBackInTimeStartsAfreshAndIdsGoOn) {
  BoxAssociator tracker;
  EXPECT_EQ(ids(tracker, 5, {box(10, 10)}), Ids{1});
  EXPECT_EQ(ids(tracker, 1, {box(10, 10)}), Ids{2});
  EXPECT_THROW(static_cast<void>(ids(tracker, std::numeric_limits<double>::infinity(), {})), Error);
}

TEST(BoxAssociator, ReportsVelocityAndAge) {
  BoxAssociator tracker;
  TrackedBoxes out;
  for (int i = 0; i <= 40; ++i)
    out = tracker.update(i * 0.05, std::vector<Detection>{box(10 + 6 * i, 300 - 2 * i)});
  ASSERT_EQ(out.tracks.size(), 1U);
  EXPECT_NEAR(out.tracks[0].velocity_x, 120, 3);
  EXPECT_NEAR(out.tracks[0].velocity_y, -40, 3);
  EXPECT_NEAR(out.tracks[0].track_age, 2, 1e-4);
}

TEST(BoxAssociator, ACrowdOfThousandsIsTrackedUpToABound) {
  BoxAssociator tracker;
  std::vector<Detection> crowd;
  for (int k = 0; k < 4000; ++k) crowd.push_back(box(30 * (k % 80), 60 * (k / 80), 20, 40));
  const auto first = tracker.update(0, crowd);
  for (Detection& d : crowd) {
    d.x1 += 4;
    d.x2 += 4;
  }
  const auto second = tracker.update(kBoxFrame, crowd);
  EXPECT_EQ(first.ids.size(), 512U);
  EXPECT_EQ(second.ids, first.ids);
  EXPECT_EQ(second.rows, first.rows);
}

TEST(BoxAssociator, InAHeapEveryTrackFindsAPartnerAlsoWhenOnlySomeBoxesAreConsidered) {
  BoxAssociator tracker;
  std::vector<Detection> heap(20000, box(100, 100, 40, 80, 0.6F));
  for (std::size_t i = 0; i < heap.size(); i += 20) heap[i].confidence = 0.7F;
  EXPECT_TRUE(ids(tracker, 0, heap).empty());
  EXPECT_EQ(ids(tracker, kBoxFrame, heap).size(), 512U);
}

TEST(BoxAssociator, InvalidBoxesAreIgnored) {
  BoxAssociator tracker;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float far = std::numeric_limits<float>::infinity();
  const float most = std::numeric_limits<float>::max();
  const std::vector<Detection> odd = {
      {nan, 0, 1, 1, 0.9F, 0},   {0, 0, far, 1, 0.9F, 0},      box(10, 10),
      {50, 50, 20, 20, 0.9F, 0}, {-most, 0, most, 9, 0.9F, 0}, {1, 1, 9, 9, nan, 0}};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(tracker.update(i * kBoxFrame, odd).rows, std::vector<std::int64_t>{2}) << i;
  }
}

TEST(BoxAssociator, OfMoreThanAThousandTheSurestAreConsidered) {
  const auto continues = [](std::size_t others) {
    BoxAssociator tracker;
    static_cast<void>(ids(tracker, 0, {box(900, 900)}));
    std::vector<Detection> found(others, box(100, 100, 40, 80, 0.6F));
    found.push_back(box(900, 900, 40, 80, 0.3F));
    return ids(tracker, kBoxFrame, found) == Ids{1};
  };
  EXPECT_TRUE(continues(1000));
  EXPECT_FALSE(continues(1500));
}

TEST(BoxAssociator, RefusesOptionsThatMakeNoSense) {
  EXPECT_THROW(BoxAssociator({.max_gap = 0}), OptionError);
  EXPECT_THROW(BoxAssociator({.max_gap = 1e300}), OptionError);
  EXPECT_THROW(BoxAssociator({.min_confidence = 1.1F}), OptionError);
  EXPECT_THROW(BoxAssociator({.min_iou = -0.1F}), OptionError);
}

}  // namespace
}  // namespace freshframe
