// The verdict on a link, for frames with hand-made arrival times.
// SPDX-License-Identifier: Apache-2.0
#include "sources/live/link_load.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <ostream>

#include <gtest/gtest.h>

namespace freshframe::media {

void PrintTo(LinkVerdict verdict, std::ostream* out) {
  constexpr std::array kNames{"unclear", "even", "maybe full", "full"};
  *out << kNames.at(static_cast<std::size_t>(verdict));
}

}  // namespace freshframe::media

namespace freshframe::test {
namespace {

using media::LinkLoad;
using media::LinkVerdict;

constexpr double kFps = 20;
constexpr double kBitRate = 100'000;  // bytes per second of a full link

struct Stream {
  std::function<std::size_t(int)> size = [](int n) { return n % 20 == 0 ? 40'000U : 4'000U; };
  bool by_bytes = false;  // the link is full
  double busy = 0.01;     // without by_bytes: part of a frame's interval in which its bytes arrive
  bool knows_end = true;
  bool at_is_end = false;
  std::optional<double> waited = {};
};

LinkVerdict judge(const Stream& stream, int count = 100) {
  LinkLoad load;
  double total = 0;
  for (int n = 0; n < count; ++n) {
    const auto size = stream.size(n);
    const double bytes = static_cast<double>(size);
    const double first = stream.by_bytes ? total / kBitRate : n / kFps;
    total += bytes;
    const double last = stream.by_bytes ? total / kBitRate : first + stream.busy / kFps;
    LinkLoad::Arrival arrival{.pts = 7000 + n / 25.0, .at = stream.at_is_end ? last : first};
    if (stream.knows_end && !stream.at_is_end) arrival.ended = last;
    arrival.waited = stream.waited;
    arrival.size = size;
    arrival.at_is_end = stream.at_is_end;
    load.add(arrival);
  }
  return load.judge();
}

std::size_t equal_sizes(int /*number*/) {
  return 8'000;
}

TEST(LinkLoad, IsEvenWhereFramesArriveAsTheyWereStamped) {
  EXPECT_EQ(judge({}), LinkVerdict::Even);
  EXPECT_EQ(judge({.knows_end = false}), LinkVerdict::Even);
  EXPECT_EQ(judge({.knows_end = false, .at_is_end = true}), LinkVerdict::Even);
}

TEST(LinkLoad, IsFullWhereFramesArriveByTheirBytes) {
  EXPECT_EQ(judge({.by_bytes = true}), LinkVerdict::Full);
  EXPECT_EQ(judge({.by_bytes = true, .knows_end = false}), LinkVerdict::Full);
  EXPECT_EQ(judge({.by_bytes = true, .knows_end = false, .at_is_end = true}), LinkVerdict::Full);
}

TEST(LinkLoad, IsJudgedByTheBusyTimeWhereAllFramesHaveOneSize) {
  EXPECT_EQ(judge({.size = equal_sizes, .busy = 0.3}), LinkVerdict::Even);
  EXPECT_EQ(judge({.size = equal_sizes, .busy = 0.7}), LinkVerdict::Unclear);
  EXPECT_EQ(judge({.size = equal_sizes, .busy = 0.99}), LinkVerdict::Full);
  EXPECT_EQ(judge({.size = equal_sizes, .knows_end = false}), LinkVerdict::Unclear);
}

TEST(LinkLoad, IsUnclearWhereBytesArriveAllTheTimeAndYetEvenly) {
  EXPECT_EQ(judge({.busy = 0.99}), LinkVerdict::Unclear);
}

TEST(LinkLoad, IgnoresTheBusyTimeOfFramesOfOneOrTwoPackets) {
  const auto small = [](int) { return std::size_t{2'000}; };
  EXPECT_EQ(judge({.size = small, .busy = 0.1}), LinkVerdict::Unclear);
}

TEST(LinkLoad, IsUnclearWithoutSizesOrWithTooFewFrames) {
  EXPECT_EQ(judge({.size = [](int) { return std::size_t{0}; }}), LinkVerdict::Unclear);
  EXPECT_EQ(judge({}, 19), LinkVerdict::Unclear);
  EXPECT_EQ(judge({}, 40), LinkVerdict::Unclear) << "two seconds";
}

TEST(LinkLoad, IsFullForAReaderThatNeverWaits) {
  EXPECT_EQ(judge({.waited = 0.001}), LinkVerdict::Full);
  EXPECT_EQ(judge({.waited = 0.03}), LinkVerdict::Even);
}

/// Judges a link that is interrupted for 0.2 s, and then sends the waiting frames at `speed` times the usual rate. All
/// frames have the same size.
LinkVerdict judge_interrupted(double speed) {
  constexpr double kStall = 0.2;
  LinkLoad load;
  double at = 0;
  for (int n = 0; n < 100; ++n) {
    const double on_time = n / kFps;
    at = n == 70 ? on_time + kStall : std::max(on_time, at + 1 / kFps / speed);
    load.add({.pts = n / 25.0, .at = at, .size = 8'000});
  }
  return load.judge();
}

TEST(LinkLoad, MayBeFullWhereFramesDoNotCatchUpAfterAnInterruption) {
  EXPECT_EQ(judge_interrupted(1), LinkVerdict::MaybeFull);
  EXPECT_EQ(judge_interrupted(1.3), LinkVerdict::Unclear);
  EXPECT_EQ(judge_interrupted(20), LinkVerdict::Unclear);
}

TEST(LinkLoad, DoesNotTakeMissingFramesOrGroupsForInterruptions) {
  LinkLoad missing;
  LinkLoad groups;
  for (int n = 0; n < 100; ++n) {
    if (n < 70 || n > 75) missing.add({.pts = n / 25.0, .at = n / kFps, .size = 8'000});
    const double read = (n / 5 + 1) * 5 / kFps;
    groups.add({.pts = n / 25.0, .at = read, .size = 8'000});
  }
  for (const auto& load : {missing, groups}) {
    EXPECT_NE(load.judge(), LinkVerdict::MaybeFull);
    EXPECT_NE(load.judge(), LinkVerdict::Full);
  }
}

TEST(LinkLoad, TakesTimestampsInAnyOrder) {
  LinkLoad load;
  for (int n = 0; n < 100; ++n) {  // P B P B
    const double pts = (n % 2 == 0 ? n + 1 : n - 1) / 25.0;
    load.add({.pts = pts, .at = n / kFps, .size = n % 20 == 0 ? 40'000U : 4'000U});
  }
  EXPECT_EQ(load.judge(), LinkVerdict::Even);
}

TEST(LinkLoad, KeepsTheFramesOfThreeSecondsAndNeverMoreThanAThousand) {
  LinkLoad load;
  for (int n = 0; n < 200; ++n) load.add({.pts = n / 25.0, .at = n / kFps, .size = 4'000});
  EXPECT_NEAR(load.arrivals().back().at - load.arrivals().front().at, 3, 0.1);
  for (int n = 0; n < 5'000; ++n) load.add({.pts = 8 + n / 25.0, .at = 10, .size = 4'000});
  EXPECT_LE(load.arrivals().size(), 1024U);
  load.clear();
  EXPECT_TRUE(load.arrivals().empty());
}

TEST(LinkLoad, JudgesManyFramesPerSecond) {
  LinkLoad load;
  for (int n = 0; n < 1'000; ++n)
    load.add({.pts = n / 250.0, .at = n / 200.0, .size = n % 200 == 0 ? 40'000U : 400U});
  EXPECT_EQ(load.judge(), LinkVerdict::Even);
}

}  // namespace
}  // namespace freshframe::test
