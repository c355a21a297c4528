// V4l2Source on a fake camera: its info, counters and times.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <cstdint>
#include <vector>

#include "cpp/sources/camera/camera_rig.hpp"
#include <gtest/gtest.h>

namespace freshframe::media {
namespace {

using test::CameraRig;
using test::seqs;
using Seqs = std::vector<std::int64_t>;

TEST(CameraSource, DeliversPicturesWithSequencePtsAndCaptureTime) {
  CameraRig rig;
  rig.camera.pictures(5);
  const auto items = rig.run();
  ASSERT_EQ(seqs(items), (Seqs{0, 1, 2, 3, 4}));
  for (std::size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(items[i].value.width(), 64);
    EXPECT_EQ(items[i].value.height(), 48);
    EXPECT_NEAR(items[i].pts, static_cast<double>(i) / 30, 1e-5);
    EXPECT_NEAR(rig.since_start(items[i].captured), static_cast<double>(i + 1) / 30, 1e-5);
  }
  EXPECT_EQ(rig.lost() + rig.damaged(), 0U);
  EXPECT_EQ(rig.stats().outages, 0U);
  EXPECT_TRUE(rig.source->live());
  EXPECT_EQ(rig.source->url(), "/dev/video7");
}

TEST(CameraSource, ReportsTheChosenMode) {
  CameraRig rig;
  rig.camera.modes = {{V4L2_PIX_FMT_YUYV, 640, 480, {30, 15}}, {V4L2_PIX_FMT_MJPEG, 1280, 720, {30}}};
  rig.open({.width = 640, .height = 480, .fps = 15});
  const auto info = rig.source->info();
  EXPECT_EQ(info.codec, "rawvideo");
  EXPECT_EQ(info.pixel_format, "yuyv422");
  EXPECT_EQ(info.container, "v4l2");
  EXPECT_EQ(info.width, 640);
  EXPECT_EQ(info.height, 480);
  EXPECT_EQ(info.fps, 15);
  EXPECT_FALSE(info.frame_count || info.duration);
}

TEST(CameraSource, CountsWhatTheDriverLostAndSkipsItsNumbers) {
  CameraRig rig;
  rig.camera.pictures(2);
  rig.camera.pictures(1, {.sequence_step = 4});
  rig.camera.pictures(1);
  const auto items = rig.run();
  EXPECT_EQ(seqs(items), (Seqs{0, 1, 5, 6}));
  EXPECT_EQ(rig.lost(), 3U);
}

TEST(CameraSource, CountsAcrossTheWrapOfTheDriversCounter) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.pictures(1, {.sequence_step = 0x7FFFFFFF});
  rig.camera.pictures(1, {.sequence_step = 0x7FFFFFFF});
  rig.camera.pictures(1, {.sequence_step = 5});  // 4294967294 -> 3
  const auto items = rig.run();
  EXPECT_EQ(items.size(), 4U);
  EXPECT_EQ(rig.lost(), 2ULL * 0x7FFFFFFE + 4U);
}

TEST(CameraSource, IgnoresACounterThatStopsOrJumpsBack) {
  CameraRig rig;
  rig.camera.pictures(3, {.sequence_step = 0});
  rig.camera.pictures(2, {.sequence_step = 0xFFFFFFF0});
  EXPECT_EQ(seqs(rig.run()), (Seqs{0, 1, 2, 3, 4}));
  EXPECT_EQ(rig.lost(), 0U);
}

TEST(CameraSource, CountsPicturesThatTheDriverCallsDamagedOrThatAreNotWhole) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.pictures(1, {.flags = V4L2_BUF_FLAG_ERROR});
  rig.camera.pictures(1, {.bytes_used = 0});
  rig.camera.pictures(1, {.bytes_used = 64 * 48 * 2 - 1});
  rig.camera.pictures(1, {.bytes_used = 0xFFFFFFFF});
  rig.camera.pictures(1);
  EXPECT_EQ(seqs(rig.run()), (Seqs{0, 5}));
  EXPECT_EQ(rig.damaged(), 4U);
  EXPECT_EQ(rig.lost(), 0U);
}

TEST(CameraSource, ReturnsEachBufferImmediatelyEvenIfItsFrameIsKept) {
  CameraRig rig;
  rig.camera.pictures(50);
  rig.open();
  std::vector<Frame> kept;
  while (const auto item = rig.source->read(rig.context)) {
    kept.push_back(item->value);
    ASSERT_EQ(rig.camera.buffers_with_driver(), 4);
  }
  EXPECT_EQ(kept.size(), 50U);
}

/// Reads three frames. Checks that each counts as captured when it is read.
void expect_three_as_they_arrive(CameraRig& rig, UtcFrom from) {
  for (int i = 0; i < 3; ++i) {
    const auto item = rig.source->read(rig.context);
    ASSERT_TRUE(item);
    EXPECT_EQ(item->captured, rig.clock.now());
    EXPECT_NEAR(item->pts, i / 30.0, 1e-5);
    EXPECT_EQ(item->utc.from, from);
  }
}

TEST(CameraSource, IsNeverAheadOfTheClockThoughTheDriverIs) {
  CameraRig rig;
  rig.camera.pictures(3, {.timestamp_error = 0.028});
  rig.open();
  expect_three_as_they_arrive(rig, UtcFrom::Device);
}

TEST(CameraSource, TakesTheTimeOfArrivalWhereTheDriversIsOfNoUse) {
  for (const bool tells : {true, false}) {
    CameraRig rig;
    if (!tells) rig.camera.timestamp_type = V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN;
    rig.camera.pictures(3, {.timestamp_error = 1.7e9});  // Unix time, not monotonic time
    rig.open();
    expect_three_as_they_arrive(rig, UtcFrom::None);  // the engine then uses the time of arrival
  }
}

TEST(CameraSource, ReportsTheTrueAgeOfFramesThatWaitedInTheDriver) {
  CameraRig rig;
  rig.camera.pictures(1, {.timestamp_error = -20.1});
  rig.camera.script.push_back({.timestamp_error = -20});
  rig.open();
  rig.clock.advance(Seconds(30));  // as if the program had been suspended
  ASSERT_TRUE(rig.source->read(rig.context));
  const auto item = rig.source->read(rig.context);
  ASSERT_TRUE(item);
  EXPECT_NEAR(Seconds(rig.clock.now() - item->captured).count(), 20, 1e-3);
  EXPECT_EQ(item->utc.from, UtcFrom::Device);
  EXPECT_NEAR(rig.clock.unix_time(rig.clock.now()) - item->utc.seconds, 20, 1e-3);
}

TEST(CameraSource, PtsNeverGoesBack) {
  CameraRig rig;
  rig.camera.pictures(2);
  rig.camera.pictures(1, {.timestamp_error = -0.5});
  rig.camera.pictures(1);
  const auto items = rig.run();
  ASSERT_EQ(items.size(), 4U);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_GE(items[i].pts, items[i - 1].pts);
}

}  // namespace
}  // namespace freshframe::media
