// The built-in scene as a source: its URL, and its pace on a simulated clock.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cpp/media/paced.hpp"
#include "cpp/support.hpp"
#include "sources/demo/demo_source.hpp"
#include "sources/demo/demo_url.hpp"
#include <gtest/gtest.h>

namespace freshframe::media {
namespace {

using test::pixels_of;
using test::render_demo;
using test::Rig;

TEST(DemoUrl, LeavesOutWhatIsDefault) {
  const DemoOptions options = parse_demo_url("demo:circles");
  EXPECT_EQ(options.fps, 60);
  EXPECT_EQ(options.width, 1280);
  EXPECT_EQ(options.height, 720);
  EXPECT_EQ(options.balls, 4);
  EXPECT_TRUE(options.paced);
  EXPECT_FALSE(options.frames);
}

TEST(DemoUrl, ReadsEveryOption) {
  const DemoOptions options = parse_demo_url(
      "demo:circles?fps=29.97&size=640x480&balls=100&seed=18446744073709551615&pace=0&frames=7");
  EXPECT_EQ(options.fps, 29.97);
  EXPECT_EQ(options.width, 640);
  EXPECT_EQ(options.height, 480);
  EXPECT_EQ(options.balls, 100);
  EXPECT_EQ(options.seed, UINT64_MAX);
  EXPECT_FALSE(options.paced);
  EXPECT_EQ(options.frames, 7);
}

TEST(DemoUrl, RefusesUnsupportedOptionsAndListsTheSupportedOnes) {
  const std::vector<std::string> parameters = {"",
                                               "speed=3",
                                               "fps",
                                               "fps=",
                                               "fps=0",
                                               "fps=-1",
                                               "fps=1000.5",
                                               "fps=nan",
                                               "fps=inf",
                                               "fps=6O",
                                               "size=640",
                                               "size=640x",
                                               "size=641x480",
                                               "size=640x14",
                                               "size=640x8194",
                                               "size=640X480",
                                               "size=640x480x3",
                                               "balls=-1",
                                               "balls=101",
                                               "balls=4.5",
                                               "seed=-1",
                                               "seed=x",
                                               "pace=2",
                                               "pace=",
                                               "frames=0",
                                               "frames=-5",
                                               "frames=1e3",
                                               "fps=60&fps=60",
                                               "fps=60&",
                                               "&fps=60",
                                               "fps=60?seed=1",
                                               "fps=60;seed=1"};
  for (const std::string& parameter : parameters) {
    const std::string url = "demo:circles?" + parameter;
    SCOPED_TRACE(url);
    const std::string message = test::message_of<OptionError>([&] { static_cast<void>(open_demo(url)); });
    EXPECT_TRUE(test::contains(message, url));
    EXPECT_TRUE(test::contains(message, "expected demo:circles or demo:shapes, with"));
  }
  for (const std::string url : {"demo:", "demo:squares", "demo:circlesx", "clip.mp4", ""}) {
    EXPECT_THROW(static_cast<void>(demo_circles(url, 0)), OptionError) << url;
  }
  EXPECT_THROW(static_cast<void>(demo_circles("demo:circles", -1)), OptionError);
}

TEST(DemoSource, IsLiveAndPacedByTheClock) {
  Rig rig;
  const auto source = open_demo("demo:circles?fps=50&size=64x36");
  EXPECT_TRUE(source->live());
  EXPECT_FALSE(source->total());
  source->open(rig.context);
  for (std::int64_t n = 0; n < 4; ++n) {
    const auto item = source->read(rig.context);
    ASSERT_TRUE(item);
    EXPECT_EQ(item->seq, n);
    EXPECT_DOUBLE_EQ(item->pts, static_cast<double>(n) / 50);
    EXPECT_NEAR(rig.since_start(item->captured), static_cast<double>(n) / 50, 1e-9);
    rig.clock.advance(Seconds(0.02));
  }
  EXPECT_EQ(rig.missed(), 0U);
  source->close();
}

TEST(DemoSource, WaitsUntilTheNextFrameIsDue) {
  Rig rig;
  const auto source = open_demo("demo:circles?fps=50&size=64x36");
  source->open(rig.context);
  ASSERT_TRUE(source->read(rig.context));
  std::optional<SourceItem<Frame>> item;
  std::thread reader([&] { item = source->read(rig.context); });
  rig.clock.wait_for_sleepers(1);
  rig.clock.advance(Seconds(0.019));
  rig.clock.wait_for_sleepers(1);
  rig.clock.advance(Seconds(0.001));
  reader.join();
  ASSERT_TRUE(item);
  EXPECT_EQ(item->seq, 1);
  EXPECT_NEAR(rig.since_start(item->captured), 0.02, 1e-9);
}

TEST(DemoSource, ALateReaderGetsTheNewestFrameAndTheOthersCountAsDevice) {
  Rig rig;
  const std::string url = "demo:circles?fps=50&size=64x36";
  const auto source = open_demo(url);
  source->open(rig.context);
  ASSERT_TRUE(source->read(rig.context));
  rig.clock.advance(Seconds(0.135));
  const auto late = source->read(rig.context);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->seq, 6);
  EXPECT_DOUBLE_EQ(late->pts, 0.12);
  EXPECT_NEAR(rig.since_start(late->captured), 0.12, 1e-9);
  EXPECT_EQ(rig.missed(), 5U);
  EXPECT_EQ(pixels_of(late->value), pixels_of(render_demo(url, 6)));
  rig.clock.advance(Seconds(0.01));
  EXPECT_EQ(source->read(rig.context)->seq, 7);
  EXPECT_EQ(rig.missed(), 5U);
}

TEST(DemoSource, EndsAfterItsFramesAlsoWhenTheReaderIsLate) {
  Rig rig;
  const auto source = open_demo("demo:circles?fps=50&size=64x36&frames=10");
  source->open(rig.context);
  ASSERT_TRUE(source->read(rig.context));
  rig.clock.advance(Seconds(5));
  const auto last = source->read(rig.context);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->seq, 9);
  EXPECT_EQ(rig.missed(), 8U);
  EXPECT_FALSE(source->read(rig.context));
}

TEST(DemoSource, StopEndsTheWait) {
  Rig rig;
  const auto source = open_demo("demo:circles?fps=0.001&size=64x36");
  source->open(rig.context);
  ASSERT_TRUE(source->read(rig.context));
  bool ended = false;
  std::thread reader([&] { ended = !source->read(rig.context); });
  rig.clock.wait_for_sleepers(1);
  rig.stop.request_stop();
  reader.join();
  EXPECT_TRUE(ended);
  EXPECT_EQ(rig.missed(), 0U);
}

TEST(DemoSource, WithoutPaceNothingIsLostAndNothingWaits) {
  Rig rig;
  const std::string url = "demo:circles?fps=50&size=64x36&pace=0&frames=3";
  const auto source = open_demo(url);
  EXPECT_FALSE(source->live());
  EXPECT_EQ(source->total(), 3);
  EXPECT_EQ(source->url(), url);
  const VideoInfo info = source->info();
  EXPECT_EQ(info.width, 64);
  EXPECT_EQ(info.height, 36);
  EXPECT_EQ(info.fps, 50);
  EXPECT_EQ(info.frame_count, 3);
  EXPECT_EQ(info.duration, 0.06);
  source->open(rig.context);
  for (std::int64_t n = 0; n < 3; ++n) {
    rig.clock.advance(Seconds(10));
    const auto item = source->read(rig.context);
    ASSERT_TRUE(item);
    EXPECT_EQ(item->seq, n);
    EXPECT_EQ(item->captured, rig.clock.now());
    EXPECT_EQ(pixels_of(item->value), pixels_of(render_demo(url, n)));
  }
  EXPECT_FALSE(source->read(rig.context));
  EXPECT_EQ(rig.missed(), 0U);
}

TEST(DemoSource, WithoutPaceAndEndStopEndsIt) {
  Rig rig;
  const auto source = open_demo("demo:circles?size=64x36&pace=0");
  EXPECT_FALSE(source->total());
  source->open(rig.context);
  EXPECT_TRUE(source->read(rig.context));
  rig.stop.request_stop();
  EXPECT_FALSE(source->read(rig.context));
}

TEST(MediaDemo, AStopEndsThePaintingOfALargeScene) {
  Rig rig;
  const auto source = open("demo:circles?size=8192x8192");
  rig.stop.request_stop();
  try {
    source->open(rig.context);
    FAIL() << "opened";
  } catch (const SourceError& error) {
    EXPECT_EQ(error.code(), ECANCELED);
  }
}

}  // namespace
}  // namespace freshframe::media
