// Timestamps and changes within a file: 33-bit wraps, concatenated files, missing, repeated and decreasing
// timestamps, and changes of size, format or rate.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"
#include "freshframe/pipeline.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr std::int64_t kSecond = 90000;  // ticks of an MPEG transport stream
constexpr std::int64_t kWrap = std::int64_t{1} << 33;

struct Clip {
  std::vector<std::int64_t> times;  // times of the frames, in ticks
  int width = 64;
  int height = 48;
  AVCodecID codec = AV_CODEC_ID_MPEG2VIDEO;
  AVPixelFormat format = AV_PIX_FMT_YUV420P;
  bool interlaced = false;
};

std::vector<std::int64_t> every(double seconds, int count, std::int64_t first = 0) {
  std::vector<std::int64_t> times;
  for (int n = 0; n < count; ++n)
    times.push_back(first + std::llround(n * seconds * static_cast<double>(kSecond)));
  return times;
}

CodecPtr encoder_for(const Clip& clip) {
  const AVCodec* found = avcodec_find_encoder(clip.codec);
  if (found == nullptr) throw std::runtime_error("no encoder");
  auto codec = make_codec(found);
  codec->width = clip.width;
  codec->height = clip.height;
  codec->pix_fmt = clip.format;
  codec->color_range = AVCOL_RANGE_JPEG;
  codec->time_base = {1, 25};
  codec->framerate = {25, 1};
  codec->max_b_frames = 0;
  if (clip.interlaced) codec->flags |= AV_CODEC_FLAG_INTERLACED_DCT | AV_CODEC_FLAG_INTERLACED_ME;
  require(avcodec_open2(codec.get(), found, nullptr));
  return codec;
}

AvFramePtr flat_frame(const Clip& clip, int n) {
  auto frame = make_av_frame();
  frame->width = clip.width;
  frame->height = clip.height;
  frame->format = clip.format;
  frame->pts = n;
#ifdef AV_FRAME_FLAG_INTERLACED
  if (clip.interlaced) frame->flags |= AV_FRAME_FLAG_INTERLACED;
#else
  frame->interlaced_frame = clip.interlaced ? 1 : 0;
#endif
  require(av_frame_get_buffer(frame.get(), 0));
  for (int plane = 0; plane < 3; ++plane) {
    const int rows = plane == 0 || clip.format == AV_PIX_FMT_YUV422P ? clip.height : clip.height / 2;
    std::memset(frame->data[plane], 40 + n % 160, static_cast<std::size_t>(frame->linesize[plane] * rows));
  }
  return frame;
}

/// The suffix of the path selects the container. Times may decrease only if the container allows that.
std::string write_clip(const std::string& path, const Clip& clip) {
  AVFormatContext* raw = nullptr;
  require(avformat_alloc_output_context2(&raw, nullptr, nullptr, path.c_str()));
  const OutputPtr output(raw);
  const auto codec = encoder_for(clip);
  AVStream* stream = avformat_new_stream(raw, nullptr);
  require(avcodec_parameters_from_context(stream->codecpar, codec.get()));
  stream->time_base = {1, static_cast<int>(kSecond)};
  require(avio_open(&raw->pb, path.c_str(), AVIO_FLAG_WRITE));
  const IoPtr io(raw->pb);
  raw->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
  require(avformat_write_header(raw, nullptr));
  const auto packet = make_av_packet();
  std::size_t written = 0;
  for (std::size_t n = 0; n <= clip.times.size(); ++n) {
    const bool more = n < clip.times.size();
    const auto frame = more ? flat_frame(clip, static_cast<int>(n)) : AvFramePtr();
    require(avcodec_send_frame(codec.get(), frame.get()));
    while (avcodec_receive_packet(codec.get(), packet.get()) >= 0) {
      // Any presentation time is allowed if the decoding times are smaller than all of them.
      const bool forward = std::is_sorted(clip.times.begin(), clip.times.end());
      packet->pts = clip.times[written];
      packet->dts = forward ? packet->pts : static_cast<std::int64_t>(written);
      ++written;
      av_packet_rescale_ts(packet.get(), {1, static_cast<int>(kSecond)}, stream->time_base);
      require(av_write_frame(raw, packet.get()));
      av_packet_unref(packet.get());
    }
  }
  require(av_write_trailer(raw));
  return path;
}

struct Shape {
  int width = 0;
  int height = 0;
  PixelFormat format = PixelFormat::I420;
  bool operator==(const Shape&) const = default;
};

struct Run {
  std::vector<double> pts;
  std::vector<Shape> shapes;
  std::uint64_t size_changes = 0;
  std::uint64_t damaged = 0;
};

Run run(const std::string& path, const OpenOptions& options = {}) {
  Hand hand;
  const auto source = open(path, options);
  source->open(hand.context());
  Run result;
  while (const auto item = source->read(hand.context())) {
    EXPECT_FALSE(item->seq) << "numbers are the engine's";
    result.pts.push_back(item->pts);
    result.shapes.push_back({item->value.width(), item->value.height(), item->value.format()});
  }
  result.size_changes = hand.counters.source().snapshot(hand.clock->now()).size_changes;
  result.damaged = hand.damaged();
  return result;
}

void expect_times(const std::vector<double>& pts, const std::vector<double>& expected) {
  ASSERT_EQ(pts.size(), expected.size());
  for (std::size_t n = 0; n < pts.size(); ++n) ASSERT_NEAR(pts[n], expected[n], 0.0015) << n;
}

std::vector<double> steps_of(double seconds, int count) {
  std::vector<double> times;
  for (int n = 0; n < count; ++n) times.push_back(n * seconds);
  return times;
}

class MediaTimes : public ::testing::Test {
 protected:
  [[nodiscard]] std::string clip(const std::string& name, const Clip& what) const {
    return write_clip(folder_.file(name), what);
  }
  [[nodiscard]] std::string joined(const Clip& first, const Clip& second) const {
    auto bytes = read_bytes(clip("first.ts", first));
    const auto more = read_bytes(clip("second.ts", second));
    bytes.insert(bytes.end(), more.begin(), more.end());
    auto path = folder_.file("joined.ts");
    write_bytes(path, bytes);
    return path;
  }
  Folder folder_;
};

TEST_F(MediaTimes, EightHoursWithTheWrapOf33BitsInTheMiddleRunOn) {
  constexpr int kFrames = 8 * 60 * 6;
  const auto path = clip("day.ts", {.times = every(10, kFrames, kWrap - 4 * 3600 * kSecond)});
  expect_times(run(path).pts, steps_of(10, kFrames));
}

TEST_F(MediaTimes, FilesJoinedEndToEndRunOn) {
  const auto path =
      joined({.times = every(0.04, 30, 10 * kSecond)}, {.times = every(0.04, 30, 10 * kSecond)});
  expect_times(run(path).pts, steps_of(0.04, 60));
}

TEST_F(MediaTimes, AnOlderRecordingAppendedToANewerOneContinues) {
  // FFmpeg assumes that times more than a minute before the first one have wrapped, and adds 26.5 hours to them.
  const auto path =
      joined({.times = every(0.04, 30, 1000 * kSecond)}, {.times = every(0.04, 30, 5 * kSecond)});
  expect_times(run(path).pts, steps_of(0.04, 60));
}

TEST_F(MediaTimes, AGapInTheRecordingStaysAGap) {
  auto expected = steps_of(0.04, 30);
  for (int n = 0; n < 30; ++n) expected.push_back(5000 + n * 0.04);
  const auto path = joined({.times = every(0.04, 30)}, {.times = every(0.04, 30, 5000 * kSecond)});
  expect_times(run(path).pts, expected);
}

TEST_F(MediaTimes, RepeatedAndBackwardTimesNeverGoBack) {
  const std::vector<std::int64_t> times = {
      0, 1 * kSecond, 1 * kSecond, 2 * kSecond, 2 * kSecond - 9000, 3 * kSecond, 9 * kSecond, 4 * kSecond};
  const auto path =
      clip("odd.mkv", {.times = times, .codec = AV_CODEC_ID_MJPEG, .format = AV_PIX_FMT_YUVJ420P});
  const auto pts = run(path).pts;
  ASSERT_EQ(pts.size(), times.size());
  EXPECT_TRUE(std::is_sorted(pts.begin(), pts.end()));
  EXPECT_NEAR(pts[4], 2, 0.002) << "a little before the last: held";
  EXPECT_NEAR(pts[5], 3, 0.002);
  EXPECT_GT(pts[7], 9) << "a jump back: goes on from there";
}

TEST_F(MediaTimes, AStreamWithoutTimesHasItsRate) {
  for (const auto& [name, codec, format] :
       {std::tuple{"bare.m2v", AV_CODEC_ID_MPEG2VIDEO, AV_PIX_FMT_YUV420P},
        std::tuple{"bare.mjpeg", AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ420P}}) {
    SCOPED_TRACE(name);
    const auto path = clip(name, {.times = every(0.04, 20), .codec = codec, .format = format});
    auto pts = run(path).pts;
    ASSERT_FALSE(pts.empty());
    const double first = pts.front();
    for (auto& time : pts) time -= first;  // FFmpeg starts some streams at the second step
    expect_times(pts, steps_of(0.04, 20));
  }
}

TEST_F(MediaTimes, SizeAndFormatMayChangeHalfWay) {
  const auto path = joined({.times = every(0.04, 10), .codec = AV_CODEC_ID_H264},
                           {.times = every(0.04, 10, 400 * kSecond / 1000),
                            .width = 96,
                            .height = 80,
                            .codec = AV_CODEC_ID_H264,
                            .format = AV_PIX_FMT_YUV422P});
  const auto all = run(path);
  ASSERT_EQ(all.shapes.size(), 20U);
  for (int n = 0; n < 20; ++n) {
    const Shape expected = n < 10 ? Shape{64, 48, PixelFormat::I420} : Shape{96, 80, PixelFormat::I422};
    EXPECT_EQ(all.shapes[static_cast<std::size_t>(n)], expected) << n;
  }
  EXPECT_EQ(all.size_changes, 1U);
  for (const auto& shape : run(path, {.width = 32, .height = 24}).shapes) {
    EXPECT_EQ(shape.width, 32);
    EXPECT_EQ(shape.height, 24);
  }
}

TEST_F(MediaTimes, TheRateMayChangeHalfWay) {
  auto expected = steps_of(0.04, 20);
  for (int n = 0; n < 20; ++n) expected.push_back(0.8 + n * 0.02);
  const auto path = joined({.times = every(0.04, 20)}, {.times = every(0.02, 20, 800 * kSecond / 1000)});
  expect_times(run(path).pts, expected);
}

TEST_F(MediaTimes, AnInterlacedVideoIsMarked) {
  for (const bool interlaced : {false, true}) {
    Hand hand;
    const auto source = open(clip("fields.ts", {.times = every(0.04, 30), .interlaced = interlaced}));
    source->open(hand.context());
    EXPECT_EQ(source->info().interlaced, interlaced);
  }
}

TEST_F(MediaTimes, NumbersRunOnThroughAPipeline) {
  CheckedPipeline pipeline;
  const auto path = joined({.times = every(0.04, 30)}, {.times = every(0.04, 30)});
  auto reader = pipeline.reader(pipeline.add(open(path)));
  pipeline.start();
  std::int64_t expected = 0;
  while (const auto sample = reader.get()) EXPECT_EQ(sample->stamp.seq, expected++);
  EXPECT_EQ(expected, 60);
}

}  // namespace
}  // namespace freshframe::test
