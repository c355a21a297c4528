// V4l2Source on a fake camera: pictures, books, times, stalls, losses, stops.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "media/ffmpeg_ptr.hpp"
#include "media/v4l2_fault.hpp"
#include "media_camera_rig.hpp"
#include <gtest/gtest.h>

extern "C" {
#include <libavutil/opt.h>
}

namespace freshframe {
namespace {

using test::CameraRig;
using test::contains;
using test::FakeCamera;
using test::message_of;
using test::seqs;
using test::Step;
using Kind = Step::Kind;
using Seqs = std::vector<std::int64_t>;

std::vector<std::uint8_t> bytes_up_to(int count) {
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  return bytes;
}

/// One picture of an 8x2 camera with these bytes.
Frame raw(std::uint32_t code, std::vector<std::uint8_t> bytes) {
  CameraRig rig;
  rig.camera.modes = {{code, 8, 2, {30}}};
  rig.camera.picture = std::move(bytes);
  rig.camera.pictures(1);
  auto items = rig.run();
  EXPECT_EQ(items.size(), 1U);
  return items.empty() ? Frame() : items[0].value;
}

std::vector<std::uint8_t> jpeg(int width, int height) {
  FrameBuilder builder({.width = width, .height = height, .format = PixelFormat::Rgb});
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < 3 * width; ++x)
      builder.plane(0)[y * builder.stride(0) + x] = static_cast<std::uint8_t>(x / 3 + y);
  }
  const auto frame = std::move(builder).publish(pixel_ops());
  const auto path =
      std::filesystem::temp_directory_path() / ("freshframe_camera_" + std::to_string(::getpid()) + ".jpg");
  write_picture(frame, path.string());
  std::ifstream file(path, std::ios::binary);
  const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  std::filesystem::remove(path);
  return bytes;
}

/// Pictures in H.264 as cameras deliver them: byte stream format, in the order of time.
std::vector<std::vector<std::uint8_t>> h264(int count) {
  const auto codec = make_codec(avcodec_find_encoder_by_name("libx264"));
  codec->width = 64;
  codec->height = 48;
  codec->time_base = {1, 30};
  codec->pix_fmt = AV_PIX_FMT_YUV420P;
  codec->max_b_frames = 0;
  av_opt_set(codec->priv_data, "tune", "zerolatency", 0);
  EXPECT_EQ(avcodec_open2(codec.get(), codec->codec, nullptr), 0);
  const auto frame = make_av_frame();
  frame->width = codec->width;
  frame->height = codec->height;
  frame->format = codec->pix_fmt;
  EXPECT_EQ(av_frame_get_buffer(frame.get(), 0), 0);
  const auto packet = make_av_packet();
  std::vector<std::vector<std::uint8_t>> pictures;
  for (int n = 0; n < count; ++n) {
    EXPECT_EQ(av_frame_make_writable(frame.get()), 0);
    std::fill_n(frame->data[0], frame->linesize[0] * frame->height, static_cast<std::uint8_t>(20 + 10 * n));
    for (const int i : {1, 2})
      std::fill_n(frame->data[i], frame->linesize[i] * frame->height / 2, std::uint8_t{128});
    frame->pts = n;
    EXPECT_EQ(avcodec_send_frame(codec.get(), frame.get()), 0);
    EXPECT_EQ(avcodec_receive_packet(codec.get(), packet.get()), 0);
    pictures.emplace_back(packet->data, packet->data + packet->size);
    av_packet_unref(packet.get());
  }
  return pictures;
}

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

TEST(CameraSource, TellsWhatWasSettled) {
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

TEST(CameraSource, UnpacksYuyv) {
  const auto frame = raw(V4L2_PIX_FMT_YUYV, bytes_up_to(32));
  EXPECT_EQ(frame.format(), PixelFormat::I422);
  EXPECT_EQ(frame.picture_format().range, ColorRange::Limited);
  EXPECT_EQ(frame.picture_format().space, ColorSpace::Bt601);
  EXPECT_EQ(test::pixels_of(frame),
            (std::vector<std::uint8_t>{0, 2, 4,  6,  8,  10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,  //
                                       1, 5, 9,  13, 17, 21, 25, 29,                                  //
                                       3, 7, 11, 15, 19, 23, 27, 31}));
}

TEST(CameraSource, UnpacksUyvy) {
  const auto frame = raw(V4L2_PIX_FMT_UYVY, bytes_up_to(32));
  EXPECT_EQ(test::pixels_of(frame),
            (std::vector<std::uint8_t>{1, 3, 5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,  //
                                       0, 4, 8,  12, 16, 20, 24, 28,                                  //
                                       2, 6, 10, 14, 18, 22, 26, 30}));
}

TEST(CameraSource, CopiesNv12I420AndGray) {
  const auto nv12 = raw(V4L2_PIX_FMT_NV12, bytes_up_to(24));
  EXPECT_EQ(nv12.format(), PixelFormat::Nv12);
  EXPECT_EQ(test::pixels_of(nv12), bytes_up_to(24));
  const auto i420 = raw(V4L2_PIX_FMT_YUV420, bytes_up_to(24));
  EXPECT_EQ(i420.format(), PixelFormat::I420);
  EXPECT_EQ(test::pixels_of(i420), bytes_up_to(24));
  const auto gray = raw(V4L2_PIX_FMT_GREY, bytes_up_to(16));
  EXPECT_EQ(gray.format(), PixelFormat::Gray);
  EXPECT_EQ(gray.picture_format().range, ColorRange::Full);
  EXPECT_EQ(test::pixels_of(gray), bytes_up_to(16));
}

TEST(CameraSource, HeedsLinesThatAreLongerThanTheirPixels) {
  CameraRig rig;
  rig.camera.modes = {{V4L2_PIX_FMT_YUV420, 8, 2, {30}}};
  rig.camera.bend_format = [](v4l2_pix_format& pixels) {
    pixels.bytesperline = 16;
    pixels.sizeimage = 48;
  };
  rig.camera.picture = bytes_up_to(48);
  rig.camera.pictures(1);
  const auto items = rig.run();
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(test::pixels_of(items[0].value),
            (std::vector<std::uint8_t>{0,  1,  2,  3,  4,  5,  6,  7, 16, 17, 18, 19, 20, 21, 22, 23,  //
                                       32, 33, 34, 35, 40, 41, 42, 43}));
}

TEST(CameraSource, DecodesMotionJpeg) {
  CameraRig rig;
  rig.camera.modes = {{V4L2_PIX_FMT_MJPEG, 160, 120, {30}}};
  rig.camera.picture = jpeg(160, 120);
  rig.camera.pictures(4);
  const auto items = rig.run();
  ASSERT_EQ(seqs(items), (Seqs{0, 1, 2, 3}));
  EXPECT_EQ(items[0].value.width(), 160);
  EXPECT_EQ(items[0].value.picture_format().range, ColorRange::Full);
  EXPECT_NEAR(items[3].pts, 0.1, 1e-5);
  EXPECT_NEAR(rig.since_start(items[3].captured), 4.0 / 30, 1e-5);
  EXPECT_EQ(rig.source->info().codec, "mjpeg");
  EXPECT_EQ(rig.stats().decoder_delay, 0);
}

TEST(CameraSource, CountsMotionJpegThatCannotBeDecodedAndGoesOn) {
  CameraRig rig;
  rig.camera.modes = {{V4L2_PIX_FMT_MJPEG, 160, 120, {30}}};
  rig.camera.picture = jpeg(160, 120);
  rig.camera.pictures(2);
  rig.camera.pictures(1, {.bytes_used = 100});  // cut off within the header
  rig.camera.pictures(2);
  const auto items = rig.run();
  EXPECT_EQ(seqs(items), (Seqs{0, 1, 3, 4}));
  EXPECT_EQ(rig.damaged(), 1U);
}

TEST(CameraSource, APictureOfWhichTheDecoderMadeUpAPartIsDeliveredAndCounted) {
  const auto pictures = h264(12);
  CameraRig rig;
  rig.camera.modes = {{V4L2_PIX_FMT_H264, 64, 48, {30}}};
  rig.camera.pictures(12);
  rig.camera.next_picture = [&, n = 0]() mutable {
    auto picture = pictures[static_cast<std::size_t>(n)];
    if (n++ == 4) picture.resize(picture.size() - 3);
    return picture;
  };
  EXPECT_EQ(seqs(rig.run()), (Seqs{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(rig.damaged(), 1U);
}

TEST(CameraSource, DecodesH264FromItsFirstKeyFrameOn) {
  const auto pictures = h264(12);
  ASSERT_EQ(pictures.size(), 12U);
  CameraRig rig;
  rig.camera.modes = {{V4L2_PIX_FMT_H264, 64, 48, {30}}};
  rig.camera.pictures(15);
  rig.open();
  EXPECT_EQ(rig.stats().state, SourceState::WaitingKeyFrame);
  std::vector<std::int64_t> numbers;
  // Joined in the middle: three pictures that refer to some that never came, then the stream from its start.
  rig.camera.next_picture = [&, n = 0]() mutable {
    const int at = n++;
    return pictures[static_cast<std::size_t>(at < 3 ? 5 + at : at - 3)];
  };
  while (const auto item = rig.source->read(rig.context)) {
    EXPECT_EQ(rig.stats().state, SourceState::Reading);
    EXPECT_NEAR(item->value.planes()[0].data[0], static_cast<double>(20 + 10 * (*item->seq - 3)), 4);
    EXPECT_NEAR(item->pts, static_cast<double>(*item->seq) / 30, 1e-5);
    EXPECT_NEAR(rig.since_start(item->captured), static_cast<double>(*item->seq + 1) / 30, 1e-5);
    numbers.push_back(*item->seq);
  }
  EXPECT_EQ(numbers, (Seqs{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}));
  EXPECT_EQ(rig.damaged(), 0U);
  EXPECT_EQ(rig.stats().decoder_delay, 0);
  EXPECT_EQ(rig.source->info().codec, "h264");
}

TEST(CameraSource, CountsAChangeOfSize) {
  CameraRig rig;
  rig.camera.modes = {{V4L2_PIX_FMT_MJPEG, 160, 120, {30}}};
  rig.camera.picture = jpeg(160, 120);
  rig.camera.pictures(2);
  rig.open();
  ASSERT_TRUE(rig.source->read(rig.context));
  rig.camera.picture = jpeg(64, 48);
  const auto second = rig.source->read(rig.context);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->value.width(), 64);
  EXPECT_EQ(rig.stats().size_changes, 1U);
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

TEST(CameraSource, LearnsNothingFromACounterThatStandsStillOrJumpsBack) {
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

TEST(CameraSource, GivesEveryBufferBackAtOnceThoughItsFramesAreKept) {
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

TEST(CameraSource, IsNeverAheadOfTheClockThoughTheDriverIs) {
  CameraRig rig;
  rig.camera.pictures(3, {.timestamp_error = 0.028});
  rig.open();
  for (int i = 0; i < 3; ++i) {
    const auto item = rig.source->read(rig.context);
    ASSERT_TRUE(item);
    EXPECT_EQ(item->captured, rig.clock.now());
    EXPECT_NEAR(item->pts, i / 30.0, 1e-5);
  }
}

TEST(CameraSource, TakesTheTimeOfArrivalWhereTheDriversIsOfNoUse) {
  for (const bool tells : {true, false}) {
    CameraRig rig;
    if (!tells) rig.camera.timestamp_type = V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN;
    rig.camera.pictures(3, {.timestamp_error = 1.7e9});  // a time of day
    rig.open();
    for (int i = 0; i < 3; ++i) {
      const auto item = rig.source->read(rig.context);
      ASSERT_TRUE(item);
      EXPECT_EQ(item->captured, rig.clock.now());
      EXPECT_NEAR(item->pts, i / 30.0, 1e-5);
    }
  }
}

TEST(CameraSource, TellsTheTrueAgeOfWhatWaitedInTheDriver) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.script.push_back({.timestamp_error = -20});
  rig.open();
  rig.clock.advance(Seconds(30));  // the program was stopped meanwhile
  ASSERT_TRUE(rig.source->read(rig.context));
  const auto item = rig.source->read(rig.context);
  ASSERT_TRUE(item);
  EXPECT_NEAR(Seconds(rig.clock.now() - item->captured).count(), 20, 1e-3);
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

TEST(CameraSource, EndsAtOnceWhenStoppedWhileItReads) {
  CameraRig rig;
  rig.camera.pictures(2);
  rig.camera.script.push_back({.kind = Kind::Stop});
  rig.camera.pictures(2);
  EXPECT_EQ(rig.run().size(), 2U);
  EXPECT_EQ(rig.camera.script.size(), 2U);
}

TEST(CameraSource, IsStalledAfterASecondAndReadsOnWhenPicturesCome) {
  CameraRig rig;
  rig.camera.pictures(2);
  rig.camera.script.push_back({.kind = Kind::Silence, .seconds = 3});
  rig.camera.pictures(2);
  rig.open();
  ASSERT_TRUE(rig.source->read(rig.context));
  ASSERT_TRUE(rig.source->read(rig.context));
  ASSERT_TRUE(rig.source->read(rig.context));
  EXPECT_EQ(rig.stats().state, SourceState::Reading);
  EXPECT_EQ(rig.stats().stalls, 1U);
  EXPECT_EQ(rig.stats().outages, 0U);
  EXPECT_EQ(rig.camera.opens, 1);
}

TEST(CameraSource, EndsAtOnceWhenStoppedWhileStalled) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = Kind::Silence, .seconds = 2});
  rig.camera.script.push_back({.kind = Kind::Stop});
  rig.open();
  ASSERT_TRUE(rig.source->read(rig.context));
  EXPECT_FALSE(rig.source->read(rig.context));
  EXPECT_EQ(rig.stats().state, SourceState::Stalled);
  EXPECT_LT(rig.since_start(rig.clock.now()), 2.2);
}

TEST(CameraSource, AStallIsATimeoutAtItsDeadlineWithoutReconnect) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = Kind::Silence, .seconds = 60});
  rig.open({.open_timeout = 1, .read_timeout = 2.5, .reconnect = false});
  ASSERT_TRUE(rig.source->read(rig.context));
  const auto began = rig.clock.now();
  const auto message = message_of<SourceTimeout>([&] { static_cast<void>(rig.source->read(rig.context)); });
  EXPECT_PRED2(contains, message, "camera '/dev/video7' has delivered nothing for 2.5 s");
  EXPECT_NEAR(Seconds(rig.clock.now() - began).count(), 2.5, 0.01);
}

TEST(CameraSource, AStalledCameraIsOpenedAnewAndComesBack) {
  CameraRig rig;
  rig.camera.pictures(2);
  rig.camera.script.push_back({.kind = Kind::Silence, .seconds = 2.05});
  rig.camera.pictures(3);
  const auto items = rig.run({.read_timeout = 2});
  EXPECT_EQ(seqs(items), (Seqs{0, 1, 2, 3, 4}));
  const auto stats = rig.stats();
  EXPECT_EQ(stats.stalls, 1U);
  EXPECT_EQ(stats.outages, 1U);
  EXPECT_EQ(stats.reconnects, 1U);
  EXPECT_GE(stats.outage_seconds, 2.5);
  EXPECT_LE(stats.outage_seconds, 2.75);
  EXPECT_PRED2(contains, stats.last_error, "nothing for 2 s");
  EXPECT_EQ(rig.camera.opens, 2);
}

TEST(CameraSource, ComesBackAfterItWasUnplugged) {
  CameraRig rig;
  rig.camera.pictures(3);
  rig.camera.script.push_back({.kind = Kind::Unplugged, .seconds = 3});
  rig.camera.pictures(3);
  const auto items = rig.run();
  ASSERT_EQ(seqs(items), (Seqs{0, 1, 2, 3, 4, 5}));
  EXPECT_GT(items[3].pts, items[2].pts + 3);
  const auto stats = rig.stats();
  EXPECT_EQ(stats.outages, 1U);
  EXPECT_EQ(stats.reconnects, 1U);
  EXPECT_GE(stats.outage_seconds, 3);
  EXPECT_LE(stats.outage_seconds, 3 + 4.9);  // the fourth wait is at most 4.8 s
  EXPECT_EQ(rig.lost(), 0U);
}

TEST(CameraSource, EachOutageBeginsWithTheShortestWait) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = Kind::Unplugged, .seconds = 6});
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = Kind::Unplugged, .seconds = 0.1});
  rig.camera.pictures(1);
  rig.open();
  ASSERT_TRUE(rig.source->read(rig.context));
  ASSERT_TRUE(rig.source->read(rig.context));
  const double before = rig.stats().outage_seconds;
  ASSERT_TRUE(rig.source->read(rig.context));
  EXPECT_EQ(rig.stats().outages, 2U);
  EXPECT_LT(rig.stats().outage_seconds - before, 0.7);
}

TEST(CameraSource, APictureIsGoodThoughItsBufferCannotBeGivenBack) {
  CameraRig rig;
  rig.camera.pictures(3);
  rig.open({.reconnect = false});
  rig.camera.ioctl_code[VIDIOC_QBUF] = EIO;
  EXPECT_TRUE(rig.source->read(rig.context));
  EXPECT_THROW(static_cast<void>(rig.source->read(rig.context)), SourceError);
}

TEST(CameraSource, IsLostWithoutReconnect) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = Kind::Unplugged, .seconds = 3});
  rig.open({.reconnect = false});
  ASSERT_TRUE(rig.source->read(rig.context));
  try {
    static_cast<void>(rig.source->read(rig.context));
    FAIL() << "nothing was thrown";
  } catch (const SourceError& error) {
    EXPECT_EQ(error.code(), ENODEV);
    EXPECT_PRED2(contains, error.what(), "cannot read camera '/dev/video7': it was unplugged");
  }
}

TEST(CameraSource, AnInputOutputErrorIsAnOutage) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.script.push_back({.kind = Kind::Failed, .code = EIO});
  rig.camera.pictures(1);
  EXPECT_EQ(rig.run().size(), 2U);
  EXPECT_EQ(rig.stats().outages, 1U);
  EXPECT_PRED2(contains, rig.stats().last_error, "Input/output error");
}

TEST(CameraSource, BacksOffLongerEachTimeAndEndsAtOnceWhenStoppedMeanwhile) {
  CameraRig rig;
  rig.camera.open_code = ENOENT;
  rig.open();
  EXPECT_EQ(rig.stats().state, SourceState::BackingOff);
  EXPECT_EQ(rig.stats().outages, 1U);
  rig.camera.stop_while_waiting = true;
  const auto began = rig.clock.now();
  EXPECT_FALSE(rig.source->read(rig.context));
  EXPECT_EQ(rig.clock.now(), began);
  EXPECT_EQ(rig.camera.opens, 1);
}

TEST(CameraSource, ACameraThatIsPluggedInLaterIsFound) {
  CameraRig rig;
  rig.camera.pictures(2);
  rig.camera.open_code = ENOENT;
  rig.open();
  rig.camera.open_code = 0;
  EXPECT_EQ(rig.read_all().size(), 2U);
  EXPECT_EQ(rig.source->info().width, 64);
  EXPECT_EQ(rig.stats().reconnects, 1U);
}

TEST(CameraSource, CarriesOnThroughSignalsAndEmptyWakeUps) {
  CameraRig rig;
  rig.camera.interrupt_every = 3;
  rig.camera.pictures(2);
  rig.camera.pictures(20, {.kind = Kind::Spurious});
  rig.camera.script.push_back({.kind = Kind::Interrupted});
  rig.camera.pictures(2);
  EXPECT_EQ(rig.run().size(), 4U);
  EXPECT_EQ(rig.stats().outages, 0U);
}

TEST(CameraSource, ADriverThatIsReadyForEverAndHasNothingIsLost) {
  CameraRig rig;
  rig.camera.pictures(1);
  rig.camera.pictures(100, {.kind = Kind::Spurious});
  rig.camera.pictures(1);
  EXPECT_EQ(rig.run().size(), 2U);
  EXPECT_EQ(rig.stats().outages, 1U);
}

TEST(CameraSource, SurvivesAnUnplugAtAnyCall) {
  int calls = 0;
  {
    CameraRig whole;
    whole.camera.pictures(6);
    EXPECT_EQ(whole.run().size(), 6U);
    calls = whole.camera.ioctls;
  }
  ASSERT_GT(calls, 20);
  for (int at = 0; at < calls; ++at) {
    SCOPED_TRACE(at);
    for (const bool reconnect : {true, false}) {
      CameraRig rig;
      rig.camera.unplug_at_ioctl = at;
      rig.camera.pictures(6);
      try {
        const auto items = rig.run({.reconnect = reconnect});
        EXPECT_TRUE(reconnect || items.size() == 6);
        EXPECT_GE(items.size(), 5U);  // one may have been on its way
        for (std::size_t i = 1; i < items.size(); ++i) EXPECT_EQ(items[i].seq, *items[i - 1].seq + 1);
      } catch (const SourceError& error) {
        EXPECT_FALSE(reconnect);
        EXPECT_EQ(error.code(), ENODEV);
      }
    }
  }
}

TEST(CameraSource, IsStoppedAndAskedByOtherThreadsWhileItBacksOff) {
  for (int round = 0; round < 10; ++round) {
    test::CheckedPipeline pipeline;
    const auto camera = pipeline.add(open("/dev/video987"), {.name = "camera"});
    auto reader = pipeline.reader(camera);
    pipeline.start();
    std::thread asker([&] {
      const auto source = pipeline.stats().nodes.at(0).source;
      ASSERT_TRUE(source);
      EXPECT_EQ(source->outages, 1U);
      EXPECT_PRED2(contains, source->last_error, "there is no such camera");
    });
    asker.join();
    const auto state = pipeline.stats().nodes.at(0).source->state;
    EXPECT_TRUE(state == SourceState::BackingOff || state == SourceState::Connecting) << to_string(state);
    pipeline.stop();
    EXPECT_EQ(pipeline.stats().nodes.at(0).source->state, SourceState::Closed);
  }
}

TEST(CameraSource, AWaitEndsWhenAnotherThreadStops) {
  std::stop_source stop;
  const StopEvent event(stop.get_token());
  pollfd waiting{event.descriptor(), POLLIN, 0};
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(V4l2System::kernel().poll({&waiting, 1}, -1), 1);
  stopper.join();
}

}  // namespace
}  // namespace freshframe
