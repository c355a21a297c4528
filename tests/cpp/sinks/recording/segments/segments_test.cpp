// A recording in segments of equal length: each frame is in one of them, and no file is overwritten.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cpp/media/files.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr double kSegmentFps = 25;

std::vector<int> recorded_numbers(int first, int last) {
  std::vector<int> numbers;
  for (int n = first; n <= last; ++n) numbers.push_back(n);
  return numbers;
}

TEST(MediaSegments, FollowEachOtherWithoutAGap) {
  const Folder folder;
  Hand hand;
  write_bytes(folder.file("a_007.mp4"), {'o', 'l', 'd'});
  VideoFile file(folder.file("a_%03d.mp4"), {.segment_every = 2.0});
  file.open(hand.context());
  for (int n = 0; n < 120; ++n) write_frame(file, hand, numbered_frame(n), 7 + n / kSegmentFps);
  file.close();
  EXPECT_EQ(read_bytes(folder.file("a_007.mp4")), (Bytes{'o', 'l', 'd'}));
  EXPECT_EQ(play(folder.file("a_008.mp4")).numbers, recorded_numbers(0, 49));
  EXPECT_EQ(play(folder.file("a_009.mp4")).numbers, recorded_numbers(50, 99));
  EXPECT_EQ(play(folder.file("a_010.mp4")).numbers, recorded_numbers(100, 119));
  EXPECT_NEAR(play(folder.file("a_009.mp4")).pts.back(), 49 / kSegmentFps, 0.001);
  EXPECT_FALSE(std::filesystem::exists(folder.file("a_011.mp4")));
}

TEST(MediaSegments, ReplaceNoFileThatCameInTheMeantime) {
  const Folder folder;
  Hand hand;
  VideoFile file(folder.file("a_%d.mp4"), {.segment_every = 1.0});
  file.open(hand.context());
  write_bytes(folder.file("a_2.mp4"), {'o', 'l', 'd'});
  for (int n = 0; n < 40; ++n) write_frame(file, hand, numbered_frame(n), n / kSegmentFps);
  file.close();
  EXPECT_EQ(read_bytes(folder.file("a_2.mp4")), (Bytes{'o', 'l', 'd'}));
  EXPECT_EQ(play(folder.file("a_3.mp4")).numbers, recorded_numbers(25, 39));
}

TEST(MediaSegments, ReportThatNoNumberIsLeft) {
  const Folder folder;
  Hand hand;
  write_bytes(folder.file("a_999999999999999999.mp4"), {'o', 'l', 'd'});
  VideoFile file(folder.file("a_%d.mp4"), {.segment_every = 1.0});
  EXPECT_THROW(file.open(hand.context()), Error);
}

TEST(MediaSegments, GoOnAfterOneThatCouldNotBeOpened) {
  const Folder folder;
  std::filesystem::create_directory(folder.file("in"));
  Hand hand;
  VideoFile file(folder.file("in/a_%d.mp4"), {.segment_every = 1.0});
  file.open(hand.context());
  for (int n = 0; n < 25; ++n) write_frame(file, hand, numbered_frame(n), n / kSegmentFps);
  std::filesystem::rename(folder.file("in"), folder.file("out"));
  EXPECT_THROW(write_frame(file, hand, numbered_frame(25), 1), Error);
  EXPECT_THROW(write_frame(file, hand, numbered_frame(26), 0.5), Error);  // even if pts goes back
  std::filesystem::create_directory(folder.file("in"));
  for (int n = 27; n < 40; ++n) write_frame(file, hand, numbered_frame(n), n / kSegmentFps);
  file.close();
  // The file ends where the recorder noticed that it was moved.
  const auto moved = play(folder.file("out/a_1.mp4")).numbers;
  ASSERT_FALSE(moved.empty());
  EXPECT_EQ(moved.front(), 0);
  EXPECT_EQ(play(folder.file("in/a_2.mp4")).numbers, recorded_numbers(27, 39));
}

TEST(MediaSegments, BehindAGapHaveTheRateOfTheirOwnFrames) {
  const Folder folder;
  Hand hand;
  VideoFile file(folder.file("a_%d.avi"), {.segment_every = 2.0});  // AVI has no timestamps
  file.open(hand.context());
  write_frame(file, hand, numbered_frame(0), 0);
  for (int n = 1; n < 31; ++n) write_frame(file, hand, numbered_frame(n), 100 + n / 50.0);
  file.close();
  EXPECT_EQ(play(folder.file("a_1.avi")).numbers, recorded_numbers(0, 0));
  EXPECT_NEAR(play(folder.file("a_2.avi")).pts.back(), 29 / 50.0, 0.001);
}

TEST(MediaSegments, WithATimeInTheirNamesReplaceNothing) {
  const Folder folder;
  Hand hand;
  const auto clock = std::make_shared<SimulatedClock>();
  clock->set_wall_clock(1795413785);  // 2026-11-23 06:03:05 UTC
  hand.clock = clock;
  VideoFile file(folder.file("{time:%Y-%m-%d}/{time:%H-%M-%S}.mp4"), {.segment_every = 1.0});
  file.open(hand.context());
  for (int n = 0; n < 75; ++n) write_frame(file, hand, numbered_frame(n), n / kSegmentFps);
  file.close();
  EXPECT_EQ(play(folder.file("2026-11-23/06-03-05.mp4")).numbers, recorded_numbers(0, 24));
  EXPECT_EQ(play(folder.file("2026-11-23/06-03-05_2.mp4")).numbers, recorded_numbers(25, 49));
  EXPECT_EQ(play(folder.file("2026-11-23/06-03-05_3.mp4")).numbers, recorded_numbers(50, 74));
}

TEST(MediaSegments, CountOnOverTheFoldersOfTheirTimes) {
  const Folder folder;
  std::filesystem::create_directories(folder.file("1999"));
  write_bytes(folder.file("1999/a_41.mp4"), {'o', 'l', 'd'});
  Hand hand;
  VideoFile file(folder.file("{time:%Y}/a_%d.mp4"), {.segment_every = 1.0});
  file.open(hand.context());
  write_frame(file, hand, numbered_frame(0), 0);
  file.close();
  const auto year = std::to_string(1900 + [] {
    const auto now = std::time(nullptr);
    std::tm parts{};
    return ::gmtime_r(&now, &parts)->tm_year;
  }());
  EXPECT_EQ(play(folder.file(year + "/a_42.mp4")).numbers, recorded_numbers(0, 0));
}

TEST(MediaSegments, OfACameraThatNeverConnectsLeaveNothing) {
  const Folder folder;
  for (const auto* name : {"a_%d.mp4", "{time:%Y}/a_%d.mp4", "{time:%Y}.mp4"}) {
    Hand hand;
    VideoFile file(folder.file(name), {.segment_every = 1.0});
    file.open(hand.context());
    EXPECT_TRUE(std::filesystem::is_empty(folder.file("."))) << name;  // even if killed now
    file.close();
    EXPECT_TRUE(std::filesystem::is_empty(folder.file("."))) << name;
  }
}

TEST(MediaSegments, CannotBeginInAMissingFolder) {
  const Folder folder;
  for (const auto* name : {"in/a_%d.mp4", "in/{time:%Y}/a_%d.mp4"}) {
    Hand hand;
    VideoFile file(folder.file(name), {.segment_every = 1.0});
    EXPECT_THROW(file.open(hand.context()), Error) << name;
  }
}

TEST(MediaSegments, AreReportedWhenTheyAreFinished) {
  const Folder folder;
  Hand hand;
  VideoFile file(folder.file("a_%d.mp4"), {.segment_every = 4.0, .reports_segments = true});
  file.open(hand.context());
  for (int n = 0; n < 200; ++n) {
    if (n >= 25 && n < 75) continue;
    AnySample sample;
    sample.frame = numbered_frame(n);
    sample.stamp.pts = 7 + n / kSegmentFps;
    if (n >= 10) sample.stamp.utc = {.seconds = 1e9 + n, .from = UtcFrom::Arrival};
    static_cast<void>(file.process(Sample<Frame>(std::move(sample)), hand.context()));
  }
  file.close();
  const auto first = file.next_segment();
  const auto second = file.next_segment();
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(file.next_segment());
  EXPECT_EQ(first->path, folder.file("a_1.mp4"));
  EXPECT_EQ(first->size_bytes, std::filesystem::file_size(first->path));
  EXPECT_EQ(first->frames, 50U);
  EXPECT_NEAR(first->first_pts, 7, 1e-9);
  EXPECT_NEAR(first->last_pts, 7 + 99 / kSegmentFps, 1e-9);
  EXPECT_EQ(first->first_utc, 1e9 + 10);
  EXPECT_EQ(first->last_utc, 1e9 + 99);
  EXPECT_EQ(first->utc_from, UtcFrom::Arrival);
  ASSERT_EQ(first->gaps.size(), 1U);
  EXPECT_NEAR(first->gaps[0].first, 7 + 24 / kSegmentFps, 1e-9);
  EXPECT_NEAR(first->gaps[0].second, 7 + 75 / kSegmentFps, 1e-9);
  EXPECT_EQ(second->path, folder.file("a_2.mp4"));
  EXPECT_TRUE(second->gaps.empty());
}

TEST(MediaSegments, OldOnesAreDeletedBeforeTheLimitIsPassed) {
  const Folder folder;
  Hand hand;
  constexpr std::uint64_t kLimit = 1 << 20;
  VideoFile file(folder.file("a_%03d.ts"), {.segment_every = 1.0, .keep_bytes = kLimit});
  file.open(hand.context());
  std::uint64_t most = 0;
  for (int n = 0; n < 25 * 60; ++n) {
    write_frame(file, hand, numbered_frame(n % 4096, 384, 192), n / kSegmentFps);
    std::uint64_t sum = 0;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator(folder.file("."))) {
      const auto size = entry.file_size(gone);
      if (!gone) sum += size;
    }
    most = std::max(most, sum);
  }
  file.close();
  EXPECT_LE(most, kLimit);
  EXPECT_GT(most, kLimit / 4);
  EXPECT_TRUE(std::filesystem::exists(folder.file("a_060.ts")));
  EXPECT_FALSE(std::filesystem::exists(folder.file("a_001.ts")));
}

TEST(MediaSegments, OfTwoRecordersMustNotMeetWhereOneDeletes) {
  const Folder folder;
  Hand hand;
  VideoFile first(folder.file("a_%d.mp4"), {.segment_every = 1.0, .keep_days = 1});
  first.open(hand.context());
  VideoFile second(folder.file("a_%05d.mp4"), {.segment_every = 1.0});
  EXPECT_THROW(second.open(hand.context()), Error);
  VideoFile other(folder.file("b_%d.mp4"), {.segment_every = 1.0, .keep_days = 1});
  other.open(hand.context());
  other.close();
  first.close();
  VideoFile third(folder.file("a_%05d.mp4"), {.segment_every = 1.0});
  third.open(hand.context());
  third.close();
}

TEST(MediaSegments, OfUnevenTimesWriteNothingIntoTheLog) {
  for (const auto* codec : {"auto", "mpeg4", "vp9"}) {
    const Folder folder;
    std::mutex mutex;
    std::vector<std::string> lines;
    set_log_sink([&](LogLevel level, std::string_view line) {
      const std::lock_guard lock(mutex);
      if (level >= LogLevel::Warning) lines.emplace_back(line);
    });
    Hand hand;
    VideoFile file(folder.file("a_%d.mp4"), {.codec = codec, .segment_every = 1.0});
    file.open(hand.context());
    double pts = 0;
    for (int n = 0; n < 150; ++n) {
      write_frame(file, hand, numbered_frame(n), pts);
      pts += n % 7 == 0 ? 0 : 0.04 + 0.013 * std::sin(n);  // every seventh frame has the same pts as the next
    }
    file.close();
    set_log_sink({});
    EXPECT_TRUE(lines.empty()) << codec << ": " << lines.front();
  }
}

TEST(MediaSegments, NeedANumberAndANumberNeedsThem) {
  EXPECT_THROW(VideoFile("a.mp4", {.segment_every = 10.0}), OptionError);
  EXPECT_THROW(VideoFile("a_%03d.mp4"), OptionError);
  EXPECT_THROW(VideoFile("a_%03d.mp4", {.segment_every = 0.5}), OptionError);
  EXPECT_THROW(VideoFile("a_%03d.mp4", {.segment_every = std::nan("")}), OptionError);
}

}  // namespace
}  // namespace freshframe::test
