// The parts of a recorder of segments: their names, its claim on them, the statistics of each, and the list
// of finished ones.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <fstream>
#include <utility>
#include <vector>

#include "cpp/media/files.hpp"
#include "sinks/recording/segments/finished_segments.hpp"
#include "sinks/recording/segments/pattern_claim.hpp"
#include "sinks/recording/segments/segment_facts.hpp"
#include "sinks/recording/segments/segment_names.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using media::FinishedSegments;
using media::PatternClaim;
using media::SegmentFacts;
using media::SegmentNames;

Stamp shown_at(double pts) {
  Stamp stamp;
  stamp.pts = pts;
  return stamp;
}

TEST(SegmentFacts, AGapIsMoreThanThreeUsualDistancesAndMoreThanASecond) {
  SegmentFacts facts;
  for (const double pts : {10.0, 10.5, 11.0, 12.6, 13.1, 15.0}) facts.note(shown_at(pts));
  facts.keep_all();
  const auto segment = facts.take("a.mp4", 1000);
  EXPECT_EQ(segment.path, "a.mp4");
  EXPECT_EQ(segment.size_bytes, 1000U);
  EXPECT_EQ(segment.frames, 6U);
  EXPECT_EQ(segment.first_pts, 10.0);
  EXPECT_EQ(segment.last_pts, 15.0);
  EXPECT_EQ(segment.gaps, (std::vector<std::pair<double, double>>{{11.0, 12.6}, {13.1, 15.0}}));
}

TEST(SegmentFacts, BeginAnewWithEachSegment) {
  SegmentFacts facts;
  facts.note(shown_at(1));
  facts.keep_all();
  static_cast<void>(facts.take("a.mp4", 1));
  facts.note(shown_at(100));  // not a gap: the previous frame was in another segment
  facts.keep_all();
  const auto second = facts.take("b.mp4", 1);
  EXPECT_EQ(second.frames, 1U);
  EXPECT_EQ(second.first_pts, 100.0);
  EXPECT_TRUE(second.gaps.empty());
}

TEST(SegmentFacts, AreOfThePicturesThatAreSafe) {
  SegmentFacts facts;
  for (const double pts : {1.0, 2.0, 3.0, 4.0}) facts.note(shown_at(pts));
  facts.keep(3);
  EXPECT_EQ(facts.drop_unsafe(), 1U);
  const auto segment = facts.take("a.mp4", 1);
  EXPECT_EQ(segment.frames, 3U);
  EXPECT_EQ(segment.last_pts, 3.0);
}

TEST(FinishedSegments, ForgetTheOldestOfAReceiverThatNeverComes) {
  FinishedSegments finished;
  Segment segment;
  int kept = 0;
  for (segment.size_bytes = 1; finished.add(segment); ++segment.size_bytes) ++kept;
  EXPECT_EQ(kept, 10000);
  finished.close();
  EXPECT_EQ(finished.next()->size_bytes, 2U);
}

TEST(FinishedSegments, EndWhenTheyAreClosedAndAllAreTaken) {
  FinishedSegments finished;
  EXPECT_TRUE(finished.add({}));
  finished.close();
  EXPECT_TRUE(finished.next().has_value());
  EXPECT_FALSE(finished.next().has_value());
}

TEST(PatternClaim, IsRefusedWhereOneOfTwoRecordersDeletesAndTheirNamesMeet) {
  const media::SegmentPattern numbers("claimed/door_%d.mp4");
  const media::SegmentPattern five("claimed/door_%05d.mp4");
  const media::SegmentPattern other("claimed/yard_%d.mp4");
  auto first = PatternClaim::try_claim(numbers, true);
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(PatternClaim::try_claim(five, false).has_value());
  EXPECT_TRUE(PatternClaim::try_claim(other, true).has_value());
  first.reset();
  const auto kept = PatternClaim::try_claim(numbers, false);
  EXPECT_TRUE(PatternClaim::try_claim(five, false).has_value());
  EXPECT_FALSE(PatternClaim::try_claim(five, true).has_value());
}

TEST(SegmentNames, BeginAboveTheHighestNumberOfTheFolder) {
  const Folder folder;
  const std::ofstream known(folder.file("door_007.mp4"));
  SegmentNames names(folder.file("door_%03d.mp4"));
  EXPECT_EQ(names.next(0), "door_008.mp4");
  EXPECT_EQ(names.next(0), "door_008.mp4");  // not taken yet
  names.note_taken();
  EXPECT_EQ(names.next(0), "door_009.mp4");
  EXPECT_EQ(names.make_path("door_009.mp4"), folder.file("door_009.mp4"));
}

TEST(SegmentNames, WithATimeOnlyGetACopysNumberWhereTheNameIsTaken) {
  const Folder folder;
  const std::ofstream known(folder.file("1970.mp4"));
  SegmentNames names(folder.file("{time:%Y}.mp4"));
  EXPECT_EQ(names.next(0), "1970_2.mp4");
}

}  // namespace
}  // namespace freshframe::test
