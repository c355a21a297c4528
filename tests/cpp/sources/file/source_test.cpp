// Files as sources: every frame, in order, with its timestamp and the decoder's own pixels.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"
#include "freshframe/pipeline.hpp"

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr int kClipFrames = 40;

/// A container and a codec that it can hold.
struct Container {
  std::string suffix;
  std::string codec;
};

void PrintTo(const Container& kind, std::ostream* out) {
  *out << kind.codec << " in " << kind.suffix;
}

class MediaSourceOfKind : public ::testing::TestWithParam<Container> {
 protected:
  std::string make(int count = kClipFrames) {
    return write_video(folder_.file("clip" + GetParam().suffix), count, {.codec = GetParam().codec});
  }
  Folder folder_;
};

TEST_P(MediaSourceOfKind, DeliversEveryFrameInOrderAtItsTime) {
  const auto played = play(make());
  EXPECT_EQ(played.numbers, counting(kClipFrames));
  for (std::size_t n = 0; n < played.pts.size(); ++n)
    EXPECT_NEAR(played.pts[n], static_cast<double>(n) / 25, 0.001);
  EXPECT_EQ(played.damaged, 0U);
  EXPECT_EQ(played.info.width, kWidth);
  EXPECT_EQ(played.info.height, kHeight);
  EXPECT_NEAR(played.info.fps.value_or(0), 25, 0.01);
}

TEST_P(MediaSourceOfKind, DeliversTheLumaThatLibavDecodesWithOneThreadAndWithTwo) {
  const auto path = make();
  const auto bare = bare_lumas(path);
  EXPECT_EQ(play(path, {.decoder_threads = 1}).lumas, bare);
  EXPECT_EQ(play(path, {.decoder_threads = 2}).lumas, bare);
  EXPECT_EQ(bare.size(), static_cast<std::size_t>(kClipFrames));
}

TEST_P(MediaSourceOfKind, LoopsWithoutLosingAFrameAndItsTimeGoesOn) {
  const int count = 12;
  const auto played = play(make(count), {.loop = true}, 3 * count);
  auto expected = counting(count);
  for (int pass = 1; pass < 3; ++pass) {
    for (int n = 0; n < count; ++n) expected.push_back(n);
  }
  EXPECT_EQ(played.numbers, expected);
  for (std::size_t n = 0; n < played.pts.size(); ++n)
    EXPECT_NEAR(played.pts[n], static_cast<double>(n) / 25, 0.002);
}

TEST_P(MediaSourceOfKind, KeepsItsOrderWithLowDelay) {
  auto path = make();
  Hand hand;
  const auto clock = std::make_shared<SimulatedClock>();
  hand.clock = clock;
  clock->advance(Seconds{1});
  const auto source = open(path, {.realtime = true});
  source->open(hand.context());
  std::vector<int> numbers;
  std::jthread reader([&] {
    while (const auto item = source->read(hand.context())) numbers.push_back(number_of(item->value));
    hand.stop.request_stop();
  });
  wait_until([&] {
    clock->advance(Seconds{0.02});
    return hand.stop.stop_requested();
  });
  reader.join();
  EXPECT_EQ(numbers, counting(kClipFrames));
}

INSTANTIATE_TEST_SUITE_P(Containers, MediaSourceOfKind,
                         ::testing::Values(Container{".mp4", "h264"}, Container{".mkv", "h264"},
                                           Container{".ts", "h264"}, Container{".mov", "h264"},
                                           Container{".avi", "mjpeg"}, Container{".avi", "mpeg4"},
                                           Container{".mkv", "ffv1"}),
                         [](const auto& kind) {
                           return kind.param.codec + "_" + kind.param.suffix.substr(1);
                         });

TEST(MediaSource, LendsTheDecodersMemoryAndCopiesNothing) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), kClipFrames);
  const auto before = FramePool::get_shared().stats();
  Hand hand;
  const auto source = open(path);
  source->open(hand.context());
  while (const auto item = source->read(hand.context())) {
    EXPECT_EQ(item->value.luma().data, item->value.planes()[0].data);
    EXPECT_EQ(item->value.format(), PixelFormat::I420);
  }
  const auto after = FramePool::get_shared().stats();
  EXPECT_EQ(after.allocated + after.reused, before.allocated + before.reused)
      << "a frame was copied into the pool";
}

TEST(MediaSource, FramesOutliveTheSource) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), kClipFrames);
  std::vector<Frame> kept;
  {
    Hand hand;
    const auto source = open(path);
    source->open(hand.context());
    while (auto item = source->read(hand.context())) kept.push_back(std::move(item->value));
    source->close();
  }
  ASSERT_EQ(kept.size(), static_cast<std::size_t>(kClipFrames));
  for (int n = 0; n < kClipFrames; ++n) EXPECT_EQ(number_of(kept[static_cast<std::size_t>(n)]), n);
}

TEST(MediaSource, HasALengthUnlessItLoops) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), kClipFrames);
  Hand hand;
  const auto source = open(path);
  source->open(hand.context());
  EXPECT_EQ(source->total(), kClipFrames);
  EXPECT_EQ(source->info().frame_count, kClipFrames);
  EXPECT_NEAR(source->info().duration.value_or(0), kClipFrames / 25.0, 0.001);
  EXPECT_EQ(source->info().codec, "h264");
  EXPECT_EQ(source->info().pixel_format, "yuv420p");
  EXPECT_FALSE(source->live());
  const auto looping = open(path, {.loop = true});
  looping->open(hand.context());
  EXPECT_EQ(looping->total(), std::nullopt);
}

TEST(MediaSource, ScalesToTheWishedSizeAndKeepsTheContent) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), 5);
  Hand hand;
  const auto source = open(path, {.width = 2 * kWidth, .height = 2 * kHeight});
  source->open(hand.context());
  EXPECT_EQ(source->info().width, 2 * kWidth);
  int n = 0;
  while (const auto item = source->read(hand.context())) {
    EXPECT_EQ(item->value.width(), 2 * kWidth);
    EXPECT_EQ(item->value.height(), 2 * kHeight);
    const auto luma = item->value.luma();
    EXPECT_EQ(luma.row(kBlock)[kBlock] > 127, n % 2 == 1);
    ++n;
  }
  EXPECT_EQ(n, 5);
}

TEST(MediaSource, BirthOfAFrameIsWhenItsPacketWasReadNotBeforeTheFirstRead) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mkv"), 6, {.codec = "ffv1"});
  const auto clock = std::make_shared<SimulatedClock>();
  Hand hand;
  hand.clock = clock;
  const auto source = open(path, {.decoder_threads = 1});
  source->open(hand.context());
  for (int n = 0; n < 6; ++n) {
    clock->advance(Seconds{1});
    const auto item = source->read(hand.context());
    ASSERT_TRUE(item);
    EXPECT_EQ(item->captured, TimePoint{} + to_duration(Seconds(n + 1)));
  }
}

TEST(MediaSource, RealtimePlaysAtTheFilesOwnSpeed) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mkv"), 10, {.codec = "ffv1"}, 10);
  const auto clock = std::make_shared<SimulatedClock>();
  Hand hand;
  hand.clock = clock;
  const auto source = open(path, {.realtime = true});
  EXPECT_TRUE(source->live());
  source->open(hand.context());
  clock->advance(Seconds{5});  // the time between open() and the first read() does not count
  std::atomic<int> delivered{0};
  std::vector<TimePoint> born;
  std::jthread reader([&] {
    while (const auto item = source->read(hand.context())) {
      born.push_back(item->captured);
      ++delivered;
    }
  });
  for (int n = 1; n < 10; ++n) {
    clock->wait_for_sleepers(1);
    EXPECT_EQ(delivered.load(), n) << "before frame " << n << " is due";
    clock->advance(Seconds{0.05});
    clock->wait_for_sleepers(1);
    EXPECT_EQ(delivered.load(), n) << "half a frame early";
    clock->advance(Seconds{0.05});
    wait_until([&] { return delivered.load() == n + 1; });
  }
  reader.join();
  ASSERT_EQ(born.size(), 10U);
  for (int n = 0; n < 10; ++n) {
    const auto late = born[static_cast<std::size_t>(n)] - (TimePoint{} + to_duration(Seconds(5 + 0.1 * n)));
    EXPECT_LT(std::abs(Seconds(late).count()), 0.002) << n;
  }
}

TEST(MediaSource, RealtimeHandsReorderedFramesOverAtTheirTimes) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), 10, {}, 1);  // with B-frames
  const auto clock = std::make_shared<SimulatedClock>();
  Hand hand;
  hand.clock = clock;
  const auto source = open(path, {.realtime = true});
  source->open(hand.context());
  clock->advance(Seconds{100});  // all frames are due
  const auto first = source->read(hand.context());
  ASSERT_TRUE(first);
  for (int n = 1; n < 10; ++n) {
    clock->advance(Seconds{1});
    const auto item = source->read(hand.context());
    ASSERT_TRUE(item);
    EXPECT_NEAR(Seconds(item->captured - first->captured).count(), item->pts - first->pts, 1e-6) << n;
  }
}

TEST(MediaSource, RealtimeEmitsLateFramesToo) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mkv"), 10, {.codec = "ffv1"}, 10);
  const auto clock = std::make_shared<SimulatedClock>();
  Hand hand;
  hand.clock = clock;
  const auto source = open(path, {.realtime = true});
  source->open(hand.context());
  ASSERT_TRUE(source->read(hand.context()));
  clock->advance(Seconds{100});
  std::vector<int> numbers;
  while (const auto item = source->read(hand.context())) {
    numbers.push_back(number_of(item->value));
    EXPECT_LT(item->captured, TimePoint{} + to_duration(Seconds{1}))
        << "a frame that is read late was born in time";
  }
  EXPECT_EQ(numbers.size(), 9U);
}

TEST(MediaSource, StopEndsTheWaitForTheNextFrame) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mkv"), 3, {.codec = "ffv1"}, 1);
  const auto clock = std::make_shared<SimulatedClock>();
  Hand hand;
  hand.clock = clock;
  const auto source = open(path, {.realtime = true});
  source->open(hand.context());
  ASSERT_TRUE(source->read(hand.context()));
  bool ended = false;
  std::jthread reader([&] { ended = !source->read(hand.context()); });
  clock->wait_for_sleepers(1);
  hand.stop.request_stop();
  reader.join();
  EXPECT_TRUE(ended);
}

TEST(MediaSource, StopWhileOpeningIsAnError) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), 3);
  Hand hand;
  hand.stop.request_stop();
  const auto source = open(path);
  EXPECT_THROW(source->open(hand.context()), SourceError);
}

TEST(MediaSource, FillsAPipelineWithoutLoss) {
  const Folder folder;
  CheckedPipeline pipeline;
  const auto video = pipeline.add(open(write_video(folder.file("clip.mp4"), kClipFrames)));
  auto reader = pipeline.reader(video);
  pipeline.start();
  int n = 0;
  while (const auto sample = reader.get()) {
    EXPECT_EQ(sample->stamp.seq, n);
    EXPECT_EQ(number_of(sample->value), n);
    ++n;
  }
  EXPECT_EQ(n, kClipFrames);
  pipeline.wait();
  EXPECT_TRUE(pipeline.report().complete);
}

}  // namespace
}  // namespace freshframe::test
