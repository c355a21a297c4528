// The names of segments: generated, parsed, and compared with those of another recorder.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include "sinks/recording/segments/segment_pattern.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using media::SegmentPattern;

constexpr std::int64_t kOneSecond = 1795413785;  // 2026-11-23 05:23:05 UTC

TEST(SegmentPattern, HasTheTimeInFoldersAndName) {
  const SegmentPattern pattern("rec/{time:%Y-%m-%d}/door_{time:%H-%M-%S}.mp4");
  EXPECT_EQ(pattern.base(), "rec");
  EXPECT_EQ(pattern.depth(), 1U);
  EXPECT_EQ(pattern.make_name(kOneSecond, 0), "2026-11-23/door_06-03-05.mp4");
  EXPECT_EQ(pattern.make_name(kOneSecond, 0, 2), "2026-11-23/door_06-03-05_2.mp4");
  EXPECT_TRUE(pattern.is_folder(0, "1999-01-02"));
  EXPECT_FALSE(pattern.is_folder(0, "1999-01-2"));
  EXPECT_FALSE(pattern.is_folder(1, "1999-01-02"));
}

TEST(SegmentPattern, AtTheRootAndInTheCurrentFolder) {
  EXPECT_EQ(SegmentPattern("/%d.mp4").base(), "/");
  EXPECT_EQ(SegmentPattern("%d.mp4").base(), ".");
  EXPECT_EQ(SegmentPattern("a/b/%d.mp4").base(), "a/b");
  EXPECT_EQ(SegmentPattern("a/{time:%Y/%m}/x/%d.mp4").depth(), 3U);
  EXPECT_EQ(SegmentPattern("a/{time:%Y/%j}/x/%%%d.mp4").make_name(kOneSecond, 7), "2026/327/x/%7.mp4");
}

TEST(SegmentPattern, RecognisesItsOwnNamesOnly) {
  const SegmentPattern numbers("a_%03d.mp4");
  EXPECT_EQ(numbers.parse("a_007.mp4")->number, 7);
  EXPECT_EQ(numbers.parse("a_1007.mp4")->number, 1007);
  for (const auto* other : {"a_07.mp4", "a_0007.mp4", "b_007.mp4", "a_007.mp4.keep", "a_007.mkv", "a_.mp4",
                            "a_007_2.mp4", "a_1234567890123456789.mp4", "aa_007.mp4"}) {
    EXPECT_FALSE(numbers.parse(other)) << other;
  }
  const SegmentPattern times("a_{time:%H%M}.mp4");
  EXPECT_EQ(times.parse("a_0102.mp4")->copy, 1);
  EXPECT_EQ(times.parse("a_0102_13.mp4")->copy, 13);
  for (const auto* other : {"a_012.mp4", "a_01023.mp4", "a_0102_1.mp4", "a_0102_02.mp4", "a_0102_x.mp4",
                            "a_0102_.mp4", "a_0102_2.mkv"}) {
    EXPECT_FALSE(times.parse(other)) << other;
  }
}

TEST(SegmentPattern, RefusesWhatCannotBeRead) {
  for (const auto* path :
       {"%d_%d.mp4", "%d/x_%d.mp4", "x_%d/a.mp4", "x_%5d.mp4", "x_%d{time:%H}.mp4", "{time:%H}%d.mp4",
        "{time:%q}.mp4", "{time:%}.mp4", "{time:%Y}//x_%d.mp4", "{time:%Y}/../x_%d.mp4", "{time:%Y}/"}) {
    EXPECT_THROW(SegmentPattern{path}, OptionError) << path;
  }
}

TEST(SegmentPattern, TwoOfThemMeetWhereOnePathFitsBoth) {
  const auto meet = [](const char* one, const char* other) {
    return SegmentPattern(one).can_meet(SegmentPattern(other)) &&
           SegmentPattern(other).can_meet(SegmentPattern(one));
  };
  EXPECT_TRUE(meet("a_%d.mp4", "a_%d.mp4"));
  EXPECT_TRUE(meet("a_%d.mp4", "./a_%05d.mp4"));
  EXPECT_TRUE(meet("a_%d.mp4", "a_{time:%Y}.mp4"));
  EXPECT_TRUE(meet("a_%d.mp4", "a_1%d.mp4"));
  EXPECT_TRUE(meet("{time:%Y}_%d.mp4", "{time:%Y}.mp4"));  // with "_2"
  EXPECT_TRUE(meet("{time:%Y}/%d.mp4", "{time:%m%d}/%d.mp4"));
  EXPECT_FALSE(meet("a_%d.mp4", "b_%d.mp4"));
  EXPECT_FALSE(meet("a_%d.mp4", "a_%d.mkv"));
  EXPECT_FALSE(meet("x/a_%d.mp4", "y/a_%d.mp4"));
  EXPECT_FALSE(meet("{time:%Y}.mp4", "{time:%m}.mp4"));
  EXPECT_FALSE(meet("a_%d.mp4", "a_{time:%Y-%m}.mp4"));
}

}  // namespace
}  // namespace freshframe::test
