// Seconds that never decrease, whatever the timestamps of the stream are.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/timeline.hpp"

#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

TEST(MediaTimeline, TakesTheStreamsOwnTimes) {
  Timeline timeline(0.04);
  EXPECT_DOUBLE_EQ(timeline.place(0.0), 0.0);
  EXPECT_DOUBLE_EQ(timeline.place(0.05), 0.05);
  EXPECT_DOUBLE_EQ(timeline.place(7.0), 7.0) << "a gap is a gap";
}

TEST(MediaTimeline, StartsWhereTheStreamStarts) {
  Timeline early(0.04);
  EXPECT_DOUBLE_EQ(early.place(-0.318), -0.318);
  Timeline silent(0.04);
  EXPECT_DOUBLE_EQ(silent.place(std::nullopt), 0.0);
}

TEST(MediaTimeline, GivesAMissingTimeOneStepAfterTheLast) {
  Timeline timeline(0.04);
  timeline.place(1.0);
  EXPECT_DOUBLE_EQ(timeline.place(std::nullopt), 1.04);
  EXPECT_DOUBLE_EQ(timeline.place(1.2), 1.2);
}

TEST(MediaTimeline, HoldsALittleStepBackAtTheLast) {
  Timeline timeline(0.04);
  timeline.place(1.0);
  EXPECT_DOUBLE_EQ(timeline.place(0.9), 1.0);
  EXPECT_DOUBLE_EQ(timeline.place(1.1), 1.1) << "and nothing is shifted for good";
}

TEST(MediaTimeline, GoesOnAfterAJumpBack) {
  Timeline timeline(0.04);
  timeline.place(95442.0);
  EXPECT_DOUBLE_EQ(timeline.place(0.0), 95442.04);
  EXPECT_DOUBLE_EQ(timeline.place(0.04), 95442.08);
}

TEST(MediaTimeline, GoesOnAfterARestartOfAShortStream) {
  Timeline timeline(0.5);
  timeline.place(0.0);
  timeline.place(0.5);
  timeline.restart();
  EXPECT_DOUBLE_EQ(timeline.place(0.0), 1.0);
  EXPECT_DOUBLE_EQ(timeline.place(0.5), 1.5);
}

TEST(MediaTimeline, GoesOnAfterTheLastFrameWasShown) {
  Timeline timeline(0.5);
  timeline.place(0.0);
  timeline.place(0.5);
  timeline.restart(4.0);
  EXPECT_DOUBLE_EQ(timeline.place(0.0), 4.5);
  EXPECT_DOUBLE_EQ(timeline.place(0.5), 5.0);
  EXPECT_DOUBLE_EQ(timeline.place(std::nullopt), 5.5) << "one step, as before";
}

TEST(MediaTimeline, ALeapAheadThatCannotBeStartsANewStretch) {
  Timeline timeline(0.04, 100);
  EXPECT_DOUBLE_EQ(timeline.place(10), 10);
  EXPECT_DOUBLE_EQ(timeline.place(110), 110) << "as far as it may";
  EXPECT_DOUBLE_EQ(timeline.place(211), 110.04);
  EXPECT_DOUBLE_EQ(timeline.place(212), 111.04);
}

}  // namespace
}  // namespace freshframe::test
