// Files with a start time: frames, numbers and times are the same as in the whole file, in each container.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

#include "cpp/media/files.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "sources/file/demuxer.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

struct StartRecording {
  std::string name;  // name of the test
  std::string suffix = ".mp4";
  std::string codec = "libx264";
  std::map<std::string, std::string> encoder = {};
  std::map<std::string, std::string> muxer = {};
  bool varying = false;  // frame times are not multiples of a fixed step
  bool interlaced = false;
  int first = 0;  // frames before this one are cut off: the file begins between two keyframes
  int count = 90;
};

void PrintTo(const StartRecording& recording, std::ostream* out) {
  *out << recording.name;
}

Dictionary dictionary(const std::map<std::string, std::string>& entries) {
  return Dictionary(entries);
}

AvFramePtr painted(const StartRecording& recording, int n) {
  auto frame = make_av_frame();
  frame->width = kWidth;
  frame->height = kHeight;
  frame->format = AV_PIX_FMT_YUV420P;
  require(av_frame_get_buffer(frame.get(), 0));
  const Frame source = numbered_frame(n);
  for (int plane = 0; plane < 3; ++plane) {
    const Plane& from = source.planes()[static_cast<std::size_t>(plane)];
    for (int y = 0; y < from.rows; ++y) {
      std::memcpy(frame->data[plane] + static_cast<std::ptrdiff_t>(y) * frame->linesize[plane], from.row(y),
                  static_cast<std::size_t>(from.row_bytes));
    }
  }
#ifdef AV_FRAME_FLAG_INTERLACED
  if (recording.interlaced) frame->flags |= AV_FRAME_FLAG_INTERLACED;
  frame->flags |= AV_FRAME_FLAG_TOP_FIELD_FIRST;
#else
  frame->interlaced_frame = recording.interlaced ? 1 : 0;
  frame->top_field_first = 1;
#endif
  frame->pts = recording.varying ? n * 40 + (n * n * 7) % 31 : n * 40;
  return frame;
}

CodecPtr encoder_of(const StartRecording& recording) {
  const AVCodec* found = avcodec_find_encoder_by_name(recording.codec.c_str());
  if (found == nullptr) throw std::runtime_error("no encoder " + recording.codec);
  auto encoder = make_codec(found);
  encoder->width = kWidth;
  encoder->height = kHeight;
  encoder->pix_fmt = recording.codec == "mjpeg" ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
  encoder->time_base = {1, 1000};
  if (recording.codec.rfind("mpeg", 0) == 0) encoder->time_base = {1, 25};
  if (recording.suffix == ".avi" || recording.suffix == ".h264") encoder->time_base = {1, 25};
  encoder->framerate = {25, 1};
  encoder->thread_count = 1;
  encoder->gop_size = 12;
  if (recording.interlaced) encoder->flags |= AV_CODEC_FLAG_INTERLACED_DCT | AV_CODEC_FLAG_INTERLACED_ME;
  const bool in_header =
      recording.suffix == ".mp4" || recording.suffix == ".mov" || recording.suffix == ".mkv";
  if (in_header) encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  auto options = dictionary(recording.encoder);
  require(avcodec_open2(encoder.get(), found, options.out()));
  return encoder;
}

std::string write(const std::string& path, const StartRecording& recording) {
  AVFormatContext* raw = nullptr;
  require(avformat_alloc_output_context2(&raw, nullptr, nullptr, path.c_str()));
  const OutputPtr output(raw);
  const auto encoder = encoder_of(recording);
  AVStream* stream = avformat_new_stream(raw, nullptr);
  stream->time_base = encoder->time_base;
  stream->avg_frame_rate = {25, 1};
  require(avcodec_parameters_from_context(stream->codecpar, encoder.get()));
  require(avio_open(&raw->pb, path.c_str(), AVIO_FLAG_WRITE));
  const IoPtr io(raw->pb);
  auto options = dictionary(recording.muxer);
  require(avformat_write_header(raw, options.out()));
  const auto packet = make_av_packet();
  int packets = 0;
  for (int n = 0; n <= recording.count; ++n) {
    const auto frame = n < recording.count ? painted(recording, n) : nullptr;
    if (frame) frame->pts = av_rescale_q(frame->pts, {1, 1000}, encoder->time_base);
    if (frame) frame->format = encoder->pix_fmt;
    require(avcodec_send_frame(encoder.get(), frame.get()));
    while (avcodec_receive_packet(encoder.get(), packet.get()) >= 0) {
      av_packet_rescale_ts(packet.get(), encoder->time_base, stream->time_base);
      if (packet->duration == 0) packet->duration = av_rescale_q(1, {1, 25}, stream->time_base);
      packet->stream_index = 0;
      if (packets++ >= recording.first) require(av_write_frame(raw, packet.get()));
      av_packet_unref(packet.get());
    }
  }
  require(av_write_trailer(raw));
  return path;
}

struct PartOfFile {
  std::vector<int> numbers;
  std::vector<double> pts;
  std::vector<std::int64_t> seqs;
  std::uint64_t damaged = 0;
};

/// A clock whose waits end exactly on time, so that no frame is late on a busy machine.
class PunctualClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return now_; }
  bool wait_until(std::unique_lock<std::mutex>& /*lock*/, std::condition_variable& /*condition*/,
                  TimePoint deadline, const std::function<bool()>& ready) const override {
    now_ = std::max(now_, deadline);
    return ready();
  }

 private:
  mutable TimePoint now_{};
};

PartOfFile see(const std::string& path, const OpenOptions& options) {
  Hand hand;
  if (options.realtime) hand.clock = std::make_shared<PunctualClock>();
  const auto source = open(path, options);
  source->open(hand.context());
  PartOfFile seen;
  std::int64_t next = 0;
  while (const auto item = source->read(hand.context())) {
    seen.numbers.push_back(number_of(item->value));
    seen.pts.push_back(item->pts);
    seen.seqs.push_back(item->seq.value_or(next));
    next = seen.seqs.back() + 1;
  }
  source->close();
  seen.damaged = hand.damaged();
  return seen;
}

/// Returns the frames from `first` up to but not including `end`.
PartOfFile part_of(const PartOfFile& all, std::size_t first, std::size_t end) {
  const auto from = static_cast<std::ptrdiff_t>(first);
  const auto to = static_cast<std::ptrdiff_t>(std::min(end, all.pts.size()));
  return {{all.numbers.begin() + from, all.numbers.begin() + to},
          {all.pts.begin() + from, all.pts.begin() + to},
          {all.seqs.begin() + from, all.seqs.begin() + to}};
}

void expect_same(const PartOfFile& seen, const PartOfFile& expected) {
  EXPECT_EQ(seen.numbers, expected.numbers);
  EXPECT_EQ(seen.seqs, expected.seqs);
  ASSERT_EQ(seen.pts.size(), expected.pts.size());
  for (std::size_t n = 0; n < seen.pts.size(); ++n) EXPECT_DOUBLE_EQ(seen.pts[n], expected.pts[n]);
}

class MediaStart : public ::testing::TestWithParam<StartRecording> {
 protected:
  Folder folder_;
  std::string path_ = write(folder_.file("clip" + GetParam().suffix), GetParam());
  PartOfFile all_ = see(path_, {});
};

TEST_P(MediaStart, GivesTheFramesNumbersAndTimesOfTheWholeFile) {
  ASSERT_GT(all_.pts.size(), 60U);
  for (const std::size_t first : {0U, 1U, 11U, 12U, 13U, 23U, 24U, 35U, 47U, 59U, 61U}) {
    SCOPED_TRACE("from frame " + std::to_string(first));
    expect_same(see(path_, {.start = all_.pts[first], .end = all_.pts[first] + 0.4}), [&] {
      const auto end = std::lower_bound(all_.pts.begin(), all_.pts.end(), all_.pts[first] + 0.4 - 0.0004);
      return part_of(all_, first, static_cast<std::size_t>(end - all_.pts.begin()));
    }());
  }
}

TEST_P(MediaStart, BetweenTwoFramesTheLaterIsTheFirst) {
  for (const std::size_t first : {1U, 12U, 25U, 48U}) {
    SCOPED_TRACE("before frame " + std::to_string(first));
    const double between = 0.5 * (all_.pts[first - 1] + all_.pts[first]);
    expect_same(see(path_, {.start = between}), part_of(all_, first, all_.pts.size()));
  }
}

TEST_P(MediaStart, NothingOfWhatLiesBeforeCounts) {
  if (all_.damaged > 0) GTEST_SKIP() << "the file itself has damaged packets";
  EXPECT_EQ(see(path_, {.start = all_.pts[40]}).damaged, 0U);
}

TEST_P(MediaStart, APictureAtATimeIsTheFrameThatIsShownThen) {
  for (const std::size_t n : {0U, 12U, 31U, 60U}) {
    SCOPED_TRACE("frame " + std::to_string(n));
    EXPECT_EQ(number_of(read_frame(path_, all_.pts[n])), all_.numbers[n]);
    const double between = 0.5 * (all_.pts[n] + all_.pts[n + 1]);
    EXPECT_EQ(number_of(read_frame(path_, between)), all_.numbers[n]);
  }
  EXPECT_EQ(number_of(read_frame(path_, all_.pts.back())), all_.numbers.back());
}

TEST_P(MediaStart, BehindTheEndIsAnError) {
  Hand hand;
  const auto source = open(path_, {.start = all_.pts.back() + 0.1});
  try {
    source->open(hand.context());
    FAIL() << "opened";
  } catch (const SourceError& error) {
    EXPECT_NE(std::string(error.what()).find("it is shorter, its last frame is at"), std::string::npos)
        << error.what();
  }
  EXPECT_THROW(static_cast<void>(read_frame(path_, all_.pts.back() + 1)), SourceError);
}

INSTANTIATE_TEST_SUITE_P(
    Files, MediaStart,
    ::testing::Values(
        StartRecording{.name = "mp4"}, StartRecording{.name = "mp4_varying", .varying = true},
        StartRecording{.name = "mp4_fragments", .muxer = {{"movflags", "frag_keyframe+empty_moov"}}},
        StartRecording{.name = "mp4_half_fragments", .muxer = {{"movflags", "frag_keyframe"}}},
        StartRecording{.name = "mp4_open_gop",
                       .encoder = {{"x264-params", "open-gop=1:bframes=3:keyint=12"}}},
        StartRecording{.name = "mov_no_b", .suffix = ".mov", .encoder = {{"bf", "0"}}},
        StartRecording{.name = "mp4_no_edit_list", .muxer = {{"use_editlist", "0"}}},
        StartRecording{.name = "mp4_intra_refresh",
                       .encoder = {{"x264-params", "intra-refresh=1:bframes=0"}}},
        StartRecording{.name = "mp4_hevc",
                       .codec = "libx265",
                       .encoder = {{"x265-params", "log-level=none:open-gop=1:keyint=12:bframes=3"}}},
        StartRecording{.name = "mp4_interlaced", .interlaced = true},
        StartRecording{.name = "mkv", .suffix = ".mkv"},
        StartRecording{.name = "mkv_varying", .suffix = ".mkv", .varying = true},
        StartRecording{.name = "mkv_hevc",
                       .suffix = ".mkv",
                       .codec = "libx265",
                       .encoder = {{"x265-params", "log-level=none:open-gop=1:keyint=12:bframes=3"}}},
        StartRecording{.name = "mkv_ffv1", .suffix = ".mkv", .codec = "ffv1"},
        StartRecording{.name = "webm_vp8",
                       .suffix = ".webm",
                       .codec = "libvpx",
                       .encoder = {{"auto-alt-ref", "1"},
                                   {"lag-in-frames", "16"},
                                   {"deadline", "good"},
                                   {"cpu-used", "5"}}},
        StartRecording{.name = "webm_vp9",
                       .suffix = ".webm",
                       .codec = "libvpx-vp9",
                       .encoder = {{"auto-alt-ref", "1"},
                                   {"lag-in-frames", "16"},
                                   {"deadline", "realtime"},
                                   {"cpu-used", "8"}}},
        StartRecording{.name = "ts", .suffix = ".ts"},
        StartRecording{.name = "ts_open_gop",
                       .suffix = ".ts",
                       .encoder = {{"x264-params", "open-gop=1:bframes=3:keyint=12"}}},
        StartRecording{.name = "ts_cut", .suffix = ".ts", .first = 5},
        StartRecording{.name = "ts_mpeg2", .suffix = ".ts", .codec = "mpeg2video", .encoder = {{"bf", "2"}}},
        StartRecording{.name = "mpg", .suffix = ".mpg", .codec = "mpeg2video", .encoder = {{"bf", "2"}}},
        StartRecording{.name = "avi", .suffix = ".avi", .encoder = {{"bf", "2"}}},
        StartRecording{.name = "avi_mpeg4", .suffix = ".avi", .codec = "mpeg4", .encoder = {{"bf", "2"}}},
        StartRecording{.name = "avi_mjpeg", .suffix = ".avi", .codec = "mjpeg"},
        StartRecording{.name = "raw_h264", .suffix = ".h264"}),
    [](const auto& recording) { return recording.param.name; });

TEST_P(MediaStart, WithoutProbingIsTheSame) {
  Dictionary options;
  Demuxer probed({.url = path_, .path = path_, .probe = true}, options);
  Demuxer quick({.url = path_, .path = path_, .probe = false}, options);
  EXPECT_EQ(quick.fps(), probed.fps());
  EXPECT_EQ(quick.duration(), probed.duration());
  EXPECT_EQ(quick.frame_count(), probed.frame_count());
  Decoder probed_decoder(probed.stream(), {.threads = 1}, options);
  Decoder quick_decoder(quick.stream(), {.threads = 1}, options);
  EXPECT_EQ(quick_decoder.context().has_b_frames, probed_decoder.context().has_b_frames);
  // With a start time, the source probes the file. The times must not differ.
  const auto from_start = see(path_, {.start = all_.pts.front()});
  expect_same(from_start, all_);
}

TEST_P(MediaStart, NoPacketHoldsMuchMoreMemoryThanItsBytes) {
  Dictionary options;
  Demuxer demuxer({.url = path_, .path = path_}, options);
  const auto packet = make_av_packet();
  int packets = 0;
  while (demuxer.next(*packet) != Demuxer::Result::End) {
    if (packet->buf == nullptr) continue;
    ++packets;
    const auto needed = static_cast<std::size_t>(packet->size) + AV_INPUT_BUFFER_PADDING_SIZE;
    EXPECT_LE(packet->buf->size, 2 * needed) << packet->size;
    for (int i = 0; i < AV_INPUT_BUFFER_PADDING_SIZE; ++i) EXPECT_EQ(packet->data[packet->size + i], 0);
    av_packet_unref(packet.get());
  }
  EXPECT_GT(packets, 0);
}

TEST(MediaStartOptions, AreRefusedWhereTheyCannotBe) {
  const auto refused = [](const std::string& url, const OpenOptions& options, const std::string& why) {
    try {
      static_cast<void>(open(url, options));
      ADD_FAILURE() << url << ": not refused";
    } catch (const OptionError& error) {
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
    }
  };
  refused("clip.mp4", {.start = -1}, "start must be 0 or more seconds, got -1");
  refused("clip.mp4", {.end = 0}, "end must be after start, which is 0 s, got 0");
  refused("clip.mp4", {.start = 3, .end = 3}, "end must be after start, which is 3 s, got 3");
  refused("rtsp://host/a", {.start = 1}, "is a live source");
  refused("/dev/video0", {.end = 1}, "end is for files");
  refused("demo:circles", {.start = 1}, "takes its settings in the URL only");
}

TEST(MediaStartOptions, ALoopRepeatsThePart) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), 60);
  const auto played = play(path, {.start = 1.0, .end = 1.2, .loop = true}, 12);
  EXPECT_EQ(played.numbers, (std::vector<int>{25, 26, 27, 28, 29, 25, 26, 27, 28, 29, 25, 26}));
  for (std::size_t n = 0; n < played.pts.size(); ++n)
    EXPECT_NEAR(played.pts[n], 1.0 + 0.04 * static_cast<double>(n), 1e-6);
}

TEST(MediaStartOptions, TotalIsWhatIsLeft) {
  const Folder folder;
  const auto path = write_video(folder.file("clip.mp4"), 60);
  Hand hand;
  const auto source = open(path, {.start = 1.0});
  source->open(hand.context());
  EXPECT_EQ(source->total(), 35);
  EXPECT_EQ(source->info().frame_count, 60);
}

TEST(MediaStartOptions, APartOfASequenceKeepsNumbersAndTimes) {
  const Folder folder;
  for (const int n : {0, 1, 2, 4, 5, 6})
    write_frame(numbered_frame(n), folder.file(std::to_string(n) + ".png"));
  for (const bool realtime : {false, true}) {
    const auto seen = see(folder.file("%d.png"), {.fps = 10, .start = 0.2, .end = 0.6, .realtime = realtime});
    EXPECT_EQ(seen.numbers, (std::vector<int>{2, 4, 5}));
    EXPECT_EQ(seen.seqs, (std::vector<std::int64_t>{2, 4, 5}));
    EXPECT_EQ(seen.damaged, 1U) << "number 3 is missing";
  }
}

}  // namespace
}  // namespace freshframe::test
