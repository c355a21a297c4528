// Recorders during a pause of their source: no frame is lost, and each keeps its timestamp.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include "media/ffmpeg/write/video_codec.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr double kPauseFps = 40;
constexpr int kBefore = 80;
constexpr int kAllPackets = 120;

/// Returns the time of frame n, with a pause before frame kBefore.
double time_with(double pause, int n) {
  return n / kPauseFps + (n >= kBefore ? pause : 0);
}

void record(const std::string& path, double pause, const VideoFileOptions& options = {}) {
  Hand hand;
  VideoFile file(path, options);
  file.open(hand.context());
  for (int n = 0; n < kAllPackets; ++n) write_frame(file, hand, numbered_frame(n), time_with(pause, n));
  file.close();
}

std::vector<int> range(int first, int end) {
  std::vector<int> numbers;
  for (int n = first; n < end; ++n) numbers.push_back(n);
  return numbers;
}

void expect_times(const Played& played, double pause, double from, double tolerance = 0.002) {
  ASSERT_EQ(played.pts.size(), played.numbers.size());
  for (std::size_t i = 0; i < played.numbers.size(); ++i)
    ASSERT_NEAR(played.pts[i], time_with(pause, played.numbers[i]) - from, tolerance) << played.numbers[i];
}

struct LongPause {
  std::string name;
  double pause;  // seconds
  std::string codec = {};
};

class MediaPauses : public ::testing::TestWithParam<LongPause> {};

TEST_P(MediaPauses, AreInTheFile) {
  const Folder folder;
  const auto& [name, pause, codec] = GetParam();
  if (!codec.empty() && find_video_encoder(codec) == nullptr) GTEST_SKIP() << codec;
  record(folder.file(name), pause, {.codec = codec});
  const auto played = play(folder.file(name));
  EXPECT_EQ(played.numbers, range(0, kAllPackets));
  EXPECT_EQ(played.damaged, 0U);
  expect_times(played, pause, 0,
               codec == "mpeg2" ? 0.0101 : 0.002);  // MPEG-2 has a fixed grid of 50 fps
}

INSTANTIATE_TEST_SUITE_P(
    Containers, MediaPauses,
    ::testing::Values(LongPause{"a.mp4", 100}, LongPause{"a.mp4", 3100}, LongPause{"a.mov", 21000},
                      LongPause{"a.mkv", 360000}, LongPause{"a.ts", 20000}, LongPause{"a.avi", 600},
                      LongPause{"a.mp4", 3100, "vp9"}, LongPause{"a.mp4", 3100, "h265"},
                      LongPause{"a.mkv", 3100, "mpeg4"}, LongPause{"a.ts", 3100, "mpeg2"},
                      LongPause{"a.mov", 3100, "mjpeg"}),
    [](const auto& tested) {
      auto text = std::filesystem::path(tested.param.name).extension().string().substr(1);
      return text + std::to_string(static_cast<int>(tested.param.pause)) + tested.param.codec;
    });

class MediaLongestPauses : public ::testing::TestWithParam<LongPause> {};

TEST_P(MediaLongestPauses, EndTheFileAndTheNextContinuesIt) {
  const Folder folder;
  const auto& [name, pause, codec] = GetParam();
  const auto suffix = std::filesystem::path(name).extension().string();
  write_bytes(folder.file("a_2" + suffix), {'o', 'l', 'd'});
  record(folder.file(name), pause);
  const auto first = play(folder.file(name));
  EXPECT_EQ(first.numbers, range(0, kBefore));
  expect_times(first, pause, 0);
  EXPECT_EQ(read_bytes(folder.file("a_2" + suffix)), (Bytes{'o', 'l', 'd'}));
  const auto second = play(folder.file("a_3" + suffix));
  EXPECT_EQ(second.numbers, range(kBefore, kAllPackets));
  expect_times(second, pause, time_with(pause, kBefore));
}

INSTANTIATE_TEST_SUITE_P(Containers, MediaLongestPauses,
                         ::testing::Values(LongPause{"a.mp4", 25200}, LongPause{"a.mov", 43200},
                                           LongPause{"a.avi", 3600}, LongPause{"a.ts", 86400}),
                         [](const auto& tested) {
                           return std::filesystem::path(tested.param.name).extension().string().substr(1);
                         });

TEST(MediaPause, EndsASegmentThatHasNoRoomForIt) {
  const Folder folder;
  record(folder.file("a_%d.mp4"), 25200, {.segment_every = 1e6});
  EXPECT_EQ(play(folder.file("a_1.mp4")).numbers, range(0, kBefore));
  EXPECT_EQ(play(folder.file("a_2.mp4")).numbers, range(kBefore, kAllPackets));
}

TEST(MediaPause, MayFollowTheFirstFrame) {
  const Folder folder;
  Hand hand;
  VideoFile file(folder.file("a.mp4"));
  file.open(hand.context());
  for (int n = 0; n < 10; ++n)
    write_frame(file, hand, numbered_frame(n), n / kPauseFps + (n > 0 ? 25200 : 0));
  file.close();
  EXPECT_EQ(play(folder.file("a.mp4")).numbers, range(0, 1));
  EXPECT_EQ(play(folder.file("a_2.mp4")).numbers, range(1, 10));
}

TEST(MediaPause, OfALiveSourceLeavesAllFramesButOneInTheFile) {
  const Folder folder;
  Hand hand;
  const auto clock = std::make_shared<SimulatedClock>();
  hand.clock = clock;
  VideoFile file(folder.file("a.mkv"));
  file.open(hand.context());
  EXPECT_EQ(file.idle_at(), std::nullopt);
  for (int n = 0; n < 30; ++n) write_frame(file, hand, numbered_frame(n), n / kPauseFps);
  ASSERT_EQ(file.idle_at(), clock->now() + std::chrono::seconds(10));
  clock->advance(Seconds(10));
  file.idle(hand.context());
  EXPECT_EQ(file.idle_at(), std::nullopt);
  EXPECT_GE(play(folder.file("a.mkv")).numbers.size(), 29U);
  // The pause may not show in pts: the next frame is a keyframe, but its pts continues without a gap.
  for (int n = 30; n < 60; ++n) write_frame(file, hand, numbered_frame(n), n / kPauseFps);
  file.close();
  const auto played = play(folder.file("a.mkv"));
  EXPECT_EQ(played.numbers, range(0, 60));
  expect_times(played, 0, 0);
}

TEST(MediaPause, LongAfterAStopLeavesOutWhatTheEncoderHolds) {
  const Folder folder;
  Hand hand;
  const auto clock = std::make_shared<SimulatedClock>();
  hand.clock = clock;
  VideoFile file(folder.file("a.mp4"), {.codec = "mpeg4", .options = {{"bf", "2"}}});
  file.open(hand.context());
  for (int n = 0; n < 32; ++n) write_frame(file, hand, numbered_frame(n), n / kPauseFps);
  hand.stop.request_stop();
  clock->advance(Seconds(3));
  file.close();
  const auto left_out = hand.counters.drops(NodeDropCause::Stop);
  EXPECT_GT(left_out, 0U);
  EXPECT_EQ(play(folder.file("a.mp4")).numbers.size() + left_out, 32U);
}

}  // namespace
}  // namespace freshframe::test
