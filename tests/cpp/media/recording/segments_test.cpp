// A recording in files of one length: each frame is in one of them, and no file is replaced.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <cmath>
#include <filesystem>
#include <vector>

#include "cpp/media/files.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr double kSegmentFps = 25;

std::vector<int> numbers_from(int first, int last) {
  std::vector<int> numbers;
  for (int n = first; n <= last; ++n) numbers.push_back(n);
  return numbers;
}

TEST(MediaSegments, FollowEachOtherWithoutAGap) {
  const Folder folder;
  Hand hand;
  write_bytes(folder.file("a_007.mp4"), {'o', 'l', 'd'});
  VideoFile file(folder.file("a_%03d.mp4"), {.segment = 2.0});
  file.open(hand.context());
  for (int n = 0; n < 120; ++n) write_frame(file, hand, numbered_frame(n), 7 + n / kSegmentFps);
  file.close();
  EXPECT_EQ(read_bytes(folder.file("a_007.mp4")), (Bytes{'o', 'l', 'd'}));
  EXPECT_EQ(play(folder.file("a_008.mp4")).numbers, numbers_from(0, 49));
  EXPECT_EQ(play(folder.file("a_009.mp4")).numbers, numbers_from(50, 99));
  EXPECT_EQ(play(folder.file("a_010.mp4")).numbers, numbers_from(100, 119));
  EXPECT_NEAR(play(folder.file("a_009.mp4")).pts.back(), 49 / kSegmentFps, 0.001);
  EXPECT_FALSE(std::filesystem::exists(folder.file("a_011.mp4")));
}

TEST(MediaSegments, ReplaceNoFileThatCameInTheMeantime) {
  const Folder folder;
  Hand hand;
  VideoFile file(folder.file("a_%d.mp4"), {.segment = 1.0});
  file.open(hand.context());
  write_bytes(folder.file("a_2.mp4"), {'o', 'l', 'd'});
  for (int n = 0; n < 40; ++n) write_frame(file, hand, numbered_frame(n), n / kSegmentFps);
  file.close();
  EXPECT_EQ(read_bytes(folder.file("a_2.mp4")), (Bytes{'o', 'l', 'd'}));
  EXPECT_EQ(play(folder.file("a_3.mp4")).numbers, numbers_from(25, 39));
}

TEST(MediaSegments, SayThatNoNumberIsLeft) {
  const Folder folder;
  Hand hand;
  write_bytes(folder.file("a_999999999999999999.mp4"), {'o', 'l', 'd'});
  VideoFile file(folder.file("a_%d.mp4"), {.segment = 1.0});
  EXPECT_THROW(file.open(hand.context()), Error);
}

TEST(MediaSegments, GoOnAfterOneThatCouldNotBeOpened) {
  const Folder folder;
  std::filesystem::create_directory(folder.file("in"));
  Hand hand;
  VideoFile file(folder.file("in/a_%d.mp4"), {.segment = 1.0});
  file.open(hand.context());
  for (int n = 0; n < 25; ++n) write_frame(file, hand, numbered_frame(n), n / kSegmentFps);
  std::filesystem::rename(folder.file("in"), folder.file("out"));
  EXPECT_THROW(write_frame(file, hand, numbered_frame(25), 1), Error);
  EXPECT_THROW(write_frame(file, hand, numbered_frame(26), 0.5), Error);  // pts went back, too
  std::filesystem::create_directory(folder.file("in"));
  for (int n = 27; n < 40; ++n) write_frame(file, hand, numbered_frame(n), n / kSegmentFps);
  file.close();
  EXPECT_EQ(play(folder.file("out/a_1.mp4")).numbers, numbers_from(0, 24));
  EXPECT_EQ(play(folder.file("in/a_2.mp4")).numbers, numbers_from(27, 39));
}

TEST(MediaSegments, BehindAGapHaveTheRateOfTheirOwnFrames) {
  const Folder folder;
  Hand hand;
  VideoFile file(folder.file("a_%d.avi"), {.segment = 2.0});  // AVI has no timestamps
  file.open(hand.context());
  write_frame(file, hand, numbered_frame(0), 0);
  for (int n = 1; n < 31; ++n) write_frame(file, hand, numbered_frame(n), 100 + n / 50.0);
  file.close();
  EXPECT_EQ(play(folder.file("a_1.avi")).numbers, numbers_from(0, 0));
  EXPECT_NEAR(play(folder.file("a_2.avi")).pts.back(), 29 / 50.0, 0.001);
}

TEST(MediaSegments, NeedANumberAndANumberNeedsThem) {
  EXPECT_THROW(VideoFile("a.mp4", {.segment = 10.0}), OptionError);
  EXPECT_THROW(VideoFile("a_%03d.mp4"), OptionError);
  EXPECT_THROW(VideoFile("a_%03d.mp4", {.segment = 0.5}), OptionError);
  EXPECT_THROW(VideoFile("a_%03d.mp4", {.segment = std::nan("")}), OptionError);
}

}  // namespace
}  // namespace freshframe::test
