// MockCamera: the same image at the right times, and counters of late frames.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

#include "core/frame/frame_access.hpp"
#include "cpp/media/paced.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::media {
namespace {

using test::Rig;

Frame small_picture() {
  FrameBuilder builder({.width = 4, .height = 2, .format = PixelFormat::Gray});
  for (int i = 0; i < 8; ++i)
    builder.plane(0)[(i / 4) * builder.stride(0) + i % 4] = static_cast<std::uint8_t>(i);
  return std::move(builder).publish();
}

TEST(MockCamera, EmitsTheSamePictureAtItsRate) {
  Rig rig;
  const Frame picture = small_picture();
  MockCamera camera(picture, 20);
  EXPECT_TRUE(camera.live());
  camera.open(rig.context);
  for (std::int64_t n = 0; n < 5; ++n) {
    const auto item = camera.read(rig.context);
    ASSERT_TRUE(item);
    EXPECT_EQ(item->value, picture);
    EXPECT_FALSE(core::FrameAccess::is_loan(item->value));
    EXPECT_EQ(item->seq, n);
    EXPECT_DOUBLE_EQ(item->pts, static_cast<double>(n) / 20);
    EXPECT_NEAR(rig.since_start(item->captured), static_cast<double>(n) / 20, 1e-9);
    EXPECT_EQ(item->utc.from, UtcFrom::Device);
    EXPECT_EQ(item->utc.seconds, rig.clock.unix_time(item->captured));
    rig.clock.advance(Seconds(0.05));
  }
  EXPECT_EQ(rig.missed(), 0U);
  camera.close();
}

TEST(MockCamera, KeepsToItsTimesOverALongRunWithoutDrift) {
  Rig rig;
  MockCamera camera(small_picture(), 14);
  camera.open(rig.context);
  for (std::int64_t n = 0; n < 840; ++n) {
    const auto item = camera.read(rig.context);
    ASSERT_TRUE(item);
    ASSERT_EQ(item->seq, n);
    ASSERT_NEAR(rig.since_start(item->captured), static_cast<double>(n) / 14, 1e-8);
    // Never late by a whole period, so no frame may be missed.
    rig.clock.advance(Seconds(static_cast<double>(n + 1) / 14 + 1e-6) - (rig.clock.now() - rig.start));
  }
  EXPECT_EQ(rig.missed(), 0U);
}

TEST(MockCamera, LateFramesCountAsDeviceAndSeqGoesOn) {
  Rig rig;
  MockCamera camera(small_picture(), 20);
  camera.open(rig.context);
  EXPECT_EQ(camera.read(rig.context)->seq, 0);
  rig.clock.advance(Seconds(1.02));
  const auto late = camera.read(rig.context);
  EXPECT_EQ(late->seq, 20);
  EXPECT_NEAR(rig.since_start(late->captured), 1.0, 1e-9);
  EXPECT_EQ(rig.missed(), 19U);
}

TEST(MockCamera, ItsTimeStartsWithTheFirstReadNotWithOpen) {
  Rig rig;
  MockCamera camera(small_picture(), 20);
  camera.open(rig.context);
  rig.clock.advance(Seconds(3));
  EXPECT_EQ(camera.read(rig.context)->seq, 0);
  EXPECT_EQ(rig.missed(), 0U);
}

TEST(MockCamera, StopEndsTheWait) {
  Rig rig;
  MockCamera camera(small_picture(), 0.001);
  camera.open(rig.context);
  ASSERT_TRUE(camera.read(rig.context));
  bool ended = false;
  std::thread reader([&] { ended = !camera.read(rig.context); });
  rig.clock.wait_for_sleepers(1);
  rig.stop.request_stop();
  reader.join();
  EXPECT_TRUE(ended);
}

TEST(MockCamera, RefusesImpossibleRatesAndPictures) {
  for (const double fps : {0.0, -1.0, 1000.5, std::nan(""), std::numeric_limits<double>::infinity()}) {
    const std::string message =
        test::message_of<OptionError>([&] { const MockCamera camera(small_picture(), fps); });
    EXPECT_TRUE(test::contains(message, "MockCamera needs fps above 0 and at most 1000, got")) << message;
    EXPECT_THROW(MockCamera("picture.png", fps), OptionError);
  }
  EXPECT_THROW(const MockCamera camera(Frame{}), OptionError);
  EXPECT_THROW(const MockCamera camera(std::string{}), OptionError);
}

TEST(MockCamera, EmitsEachOfSeveralPicturesOnceAndWaitsForItsReader) {
  Rig rig;
  const std::vector<Frame> pictures{small_picture(), small_picture(), small_picture()};
  MockCamera camera(pictures, 20);
  EXPECT_FALSE(camera.live());
  EXPECT_EQ(camera.total(), 3);
  camera.open(rig.context);
  for (std::size_t n = 0; n < pictures.size(); ++n) {
    const auto item = camera.read(rig.context);
    ASSERT_TRUE(item);
    EXPECT_EQ(item->value, pictures[n]);
    EXPECT_DOUBLE_EQ(item->pts, static_cast<double>(n) / 20);
    rig.clock.advance(Seconds(1.02));  // long after the next one is due
  }
  EXPECT_FALSE(camera.read(rig.context));
  EXPECT_EQ(rig.missed(), 0U);
  EXPECT_THROW(const MockCamera none(std::vector<Frame>{}), OptionError);
  EXPECT_THROW(const MockCamera none(std::vector<Frame>(1)), OptionError);
}

TEST(MockCamera, AMissingPictureIsASourceErrorWhenItOpens) {
  Rig rig;
  MockCamera camera("no/such/picture.png");
  EXPECT_THROW(camera.open(rig.context), SourceError);
}

}  // namespace
}  // namespace freshframe::media
