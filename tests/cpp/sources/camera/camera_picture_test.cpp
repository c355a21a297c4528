// V4l2Source on a fake camera: frames in each format, and damaged frames.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/sources/camera/camera_rig.hpp"
#include "cpp/support.hpp"
#include "media/ffmpeg/ptr.hpp"
#include <gtest/gtest.h>

extern "C" {
#include <libavutil/opt.h>
}

namespace freshframe::media {
namespace {

using test::CameraRig;
using test::seqs;
using Seqs = std::vector<std::int64_t>;

std::vector<std::uint8_t> bytes_up_to(int count) {
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  return bytes;
}

/// Returns the frame that a source makes of these bytes from an 8x2 camera.
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
  write_frame(frame, path.string());
  std::ifstream file(path, std::ios::binary);
  const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  std::filesystem::remove(path);
  return bytes;
}

/// Returns images in H.264 as cameras deliver them: with start codes, and without reordering.
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

/// Where a clockwise rotation puts the pixel (x, y) of an image of 8x2 pixels.
std::size_t rotated_place(int rotate, int x, int y) {
  const std::map<int, int> places = {
      {0, 8 * y + x}, {90, 2 * x + 1 - y}, {180, 15 - 8 * y - x}, {270, 2 * (7 - x) + y}};
  return static_cast<std::size_t>(places.at(rotate));
}

TEST(CameraSource, RotatesFramesOfEachRawFormat) {
  const std::vector<std::pair<std::uint32_t, int>> formats = {{V4L2_PIX_FMT_YUYV, 32},
                                                              {V4L2_PIX_FMT_UYVY, 32},
                                                              {V4L2_PIX_FMT_NV12, 24},
                                                              {V4L2_PIX_FMT_YUV420, 24},
                                                              {V4L2_PIX_FMT_GREY, 16}};
  for (const auto& [code, bytes] : formats) {
    const auto plain = test::packed_luma(raw(code, bytes_up_to(bytes)).luma());
    for (const int rotate : {0, 90, 180, 270}) {
      SCOPED_TRACE(camera_format_name(code) + " rotated by " + std::to_string(rotate));
      CameraRig rig;
      rig.camera.modes = {{code, 8, 2, {30}}};
      rig.camera.picture = bytes_up_to(bytes);
      rig.camera.pictures(1);
      const bool lies = rotate % 180 != 0;
      const auto items = rig.run({.width = lies ? 2 : 8, .height = lies ? 8 : 2, .rotate = rotate});
      ASSERT_EQ(items.size(), 1U);
      const auto& frame = items[0].value;
      EXPECT_EQ(frame.width(), lies ? 2 : 8);
      EXPECT_EQ(rig.source->info().width, frame.width());
      EXPECT_EQ(rig.source->info().height, frame.height());
      const auto luma = test::packed_luma(frame.luma());
      for (int i = 0; i < 16; ++i)
        EXPECT_EQ(luma.at(rotated_place(rotate, i % 8, i / 8)), plain.at(static_cast<std::size_t>(i))) << i;
    }
  }
}

TEST(CameraSource, RotatesMotionJpeg) {
  CameraRig rig;
  rig.camera.modes = {{V4L2_PIX_FMT_MJPEG, 160, 120, {30}}};
  rig.camera.picture = jpeg(160, 120);  // x + y
  rig.camera.pictures(1);
  const auto items = rig.run({.rotate = 90});
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].value.width(), 120);
  EXPECT_EQ(rig.source->info().width, 120);
  const auto luma = items[0].value.luma();
  EXPECT_NEAR(luma.row(0)[119], 0, 15);
  EXPECT_NEAR(luma.row(0)[0], 119, 15);
  EXPECT_NEAR(luma.row(159)[119], 159, 15);
}

TEST(CameraSource, ASizeThatTheCameraDoesNotHaveIsNamedAsItIsAskedFor) {
  CameraRig rig;
  rig.camera.modes = {{V4L2_PIX_FMT_YUYV, 8, 2, {30}}};
  const auto message =
      test::message_of<SourceRefused>([&] { rig.open({.width = 8, .height = 2, .rotate = 90}); });
  EXPECT_TRUE(test::contains(message, "it cannot deliver 2x8 (8x2 after rotation)")) << message;
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
  EXPECT_EQ(rig.stats().decoder_frames, 0);
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
  EXPECT_EQ(rig.stats().state, SourceState::WaitingKeyframe);
  std::vector<std::int64_t> numbers;
  // As if the stream were joined in the middle: three images with missing references, then the stream from its start.
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
  EXPECT_EQ(rig.stats().decoder_frames, 0);
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

}  // namespace
}  // namespace freshframe::media
