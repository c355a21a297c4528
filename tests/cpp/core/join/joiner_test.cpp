// Corner cases of the rules of a join. rules.py implements the same rules independently.
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <random>
#include <set>
#include <tuple>
#include <utility>

#include "cpp/core/join/trial.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(Joiner, EqualTimesAreASet) {
  Trial trial({.parents = 3});
  trial.put(0, 1, 1).put(1, 1, 1).put(2, 1, 1).finish();
  expect_sets(trial, {{1, 1, 1}});
}

TEST(Joiner, WithinIsInclusiveAndCountsBetweenAllMembers) {
  Trial inside({.parents = 3});
  inside.put(0, 1, 1).put(1, 1.005, 1).put(2, 0.995, 1).finish();
  expect_sets(inside, {{1, 1.005, 0.995}});
  Trial outside({.parents = 3});
  outside.put(0, 1, 1).put(1, 1.006, 1).put(2, 0.995, 1).finish();
  expect_sets(outside, {});
}

TEST(Joiner, WithinIsInclusiveWhereTheDifferenceOfTwoDoublesIsNot) {
  Trial trial({.within = 0.1, .wait = 1});
  trial.put(0, 0.3, 1).put(1, 0.4, 1);  // 0.4 - 0.3 is 0.10000000000000003
  expect_sets(trial, {{0.3, 0.4}});
}

TEST(Joiner, OfTwoEquallyNearSamplesTheEarlierIsTakenAtOnce) {
  Trial trial({});
  trial.put(1, 0.995, 1).put(0, 1, 1.01).put(1, 1.005, 1.02).finish();
  expect_sets(trial, {{1, 0.995}});
  EXPECT_DOUBLE_EQ(trial.sets[0].at, 1.01);
}

TEST(Joiner, OfSamplesThatWaitTheNearestIsTaken) {
  Trial trial({.within = 0.02});
  trial.put(1, 0.985, 1).put(1, 0.99, 1.001).put(1, 0.999, 1.002).put(1, 1.01, 1.003).put(0, 1, 1.01);
  expect_sets(trial, {{1, 0.999}});
  EXPECT_EQ(trial.counts[1].unmatched, 2);
  EXPECT_EQ(trial.waiting(), 1U);
}

TEST(Joiner, TheWaitCountsFromTheFirstArrivalWhateverItsTime) {
  Trial trial({.wait = 0.05});
  trial.put(1, 1, 10).advance(10.049);
  EXPECT_EQ(trial.waiting(), 1U);
  trial.advance(10.051);
  EXPECT_EQ(trial.waiting(), 0U);
  EXPECT_EQ(trial.counts[1].unmatched, 1);
  trial.put(0, 1, 10.06).finish();
  EXPECT_EQ(trial.counts[0].unmatched, 1);
  expect_sets(trial, {});
}

TEST(Joiner, ASampleWhoseReferenceHasGoneIsLate) {
  Trial trial({.wait = 0.05});
  trial.put(0, 1, 10).put(1, 1, 10.2).finish();
  EXPECT_EQ(trial.counts[0].unmatched, 1);
  EXPECT_EQ(trial.counts[1].late, 1);
}

TEST(Joiner, ASampleThatIsLateForOneReferenceMayBeInTimeForTheNext) {
  Trial trial({.within = 0.02, .wait = 0.05});
  trial.put(0, 1, 10).put(1, 1.015, 10.06).put(0, 1.033, 10.07).finish();
  expect_sets(trial, {{1.033, 1.015}});
}

TEST(Joiner, SamplesOfOneTimeBothWait) {
  Trial trial({});
  trial.put(0, 1, 1).put(0, 1, 1.001);
  EXPECT_EQ(trial.waiting(), 2U);
  trial.put(1, 1, 1.002).finish();
  expect_sets(trial, {{1, 1}});
}

TEST(Joiner, ClocksThatAreSetBackTogetherLoseNothing) {
  Trial trial({});
  for (int k = 0; k < 60; ++k) {
    const double time = 5000 + k / 30.0 - (k < 30 ? 0 : 3600);
    trial.put(0, time, k / 30.0).put(1, time, k / 30.0 + 0.005);
  }
  trial.finish();
  EXPECT_EQ(trial.sets.size(), 60U);
}

TEST(Joiner, AClockThatIsSetBackAloneHealsAfterwards) {
  Trial trial({});
  for (int k = 0; k < 90; ++k) {
    const double off = k >= 30 && k < 60 ? -3600 : 0;
    trial.put(0, 5000 + k / 30.0 + off, k / 30.0).put(1, 5000 + k / 30.0, k / 30.0 + 0.005);
    if (k == 59) {
      ASSERT_TRUE(trial.joiner().nearest(1));
      EXPECT_NEAR(*trial.joiner().nearest(1), 3600, 60);
    }
  }
  trial.finish();
  EXPECT_GE(trial.sets.size(), 58U);
  EXPECT_LE(trial.sets.size(), 60U);
}

TEST(Joiner, ParentsThatBeginAgainWithZeroLoseNothing) {
  Trial trial({});
  for (int round = 0; round < 3; ++round) {
    for (int k = 0; k < 30; ++k) {
      const double now = round * 2 + k / 30.0;
      trial.put(0, k / 30.0, now).put(1, k / 30.0, now + 0.005);
    }
  }
  trial.finish();
  EXPECT_EQ(trial.sets.size(), 90U);
}

TEST(Joiner, AQueueOfOneBeforeItFindsHardlyASet) {
  for (const auto& [depth, least, most] : {std::tuple{1, 0U, 1U}, std::tuple{32, 298U, 300U}}) {
    Trial trial({.wait = 0.2, .depth = depth});
    int left = 0;
    int right = 0;
    while (left < 300 || right < 300) {
      if (right == 300 || (left < 300 && left / 30.0 <= right / 30.0 + 0.06)) {
        trial.put(0, left / 30.0, left / 30.0);
        ++left;
      } else {
        trial.put(1, right / 30.0, right / 30.0 + 0.06);
        ++right;
      }
    }
    trial.finish();
    EXPECT_GE(trial.sets.size(), least);
    EXPECT_LE(trial.sets.size(), most);
  }
}

TEST(Joiner, LossesBeforeItLeaveTheInstantsThatAreComplete) {
  std::mt19937 random(3);  // NOLINT(bugprone-random-generator-seed): the same numbers in every run
  std::bernoulli_distribution lost(0.2);
  Trial trial({});
  std::size_t complete = 0;
  for (int k = 0; k < 3000; ++k) {
    const bool left = !lost(random);
    const bool right = !lost(random);
    if (left) trial.put(0, k / 30.0, k / 30.0 + 0.01);
    if (right) trial.put(1, k / 30.0, k / 30.0 + 0.02);
    if (left && right) ++complete;
  }
  trial.finish();
  EXPECT_EQ(trial.sets.size(), complete);
}

TEST(Joiner, TheSlowerParentGivesTheNumberOfSets) {
  for (const auto& [reference, other] : {std::pair{10, 30}, std::pair{30, 10}}) {
    Trial trial({.within = 0.0168});
    std::set<std::tuple<double, int, double>> events;
    for (int k = 0; k < reference * 10; ++k) {
      const double time = static_cast<double>(k) / reference;
      events.insert({time + 0.01, 0, time});
    }
    for (int k = 0; k < other * 10; ++k) {
      const double time = static_cast<double>(k) / other;
      events.insert({time + 0.012, 1, time + 0.004});
    }
    for (const auto& [now, parent, time] : events) trial.put(static_cast<std::size_t>(parent), time, now);
    trial.finish();
    EXPECT_EQ(trial.sets.size(), 100U);
  }
}

}  // namespace
}  // namespace freshframe::test
