// A camera's own packets in files: all units of the stream are there, unchanged, and all frames can be
// decoded.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"
#include "freshframe/packet_nodes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "cpp/heard_log.hpp"
#include "cpp/media/files.hpp"
#include "cpp/media/packets/packet_rig.hpp"
#include "cpp/support.hpp"
#include "media/ffmpeg/write/video_codec.hpp"
#include "media/packets/parameters.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

void copy_into(const std::string& path, const std::vector<AnySample>& packets,
               const VideoFileOptions& options = {}) {
  Hand hand;
  VideoFile file(path, options);
  file.set_input(get_type<Packet>());
  file.open(hand.context());
  for (const auto& each : packets) static_cast<void>(file.process(Sample<Packet>(each), hand.context()));
  file.close();
}

class PacketCopies : public testing::TestWithParam<const char*> {};

TEST_P(PacketCopies, HaveEachUnitOfTheStreamOnce) {
  if (media::find_video_encoder("h264") == nullptr) GTEST_SKIP() << "no H.264 encoder";
  for (const bool reordered : {false, true}) {
    const Folder folder;
    const auto bytes =
        streamed(folder, "h264", {{"g", "20"}, {"bf", reordered ? "3" : "0"}, {"b_strategy", "0"}});
    const auto packets = received(bytes, false).packets;
    ASSERT_EQ(packets.size(), static_cast<std::size_t>(kCopied)) << reordered;
    const auto path = folder.file(std::string("copy.") + GetParam());
    copy_into(path, packets);
    EXPECT_EQ(slices(path), slices(folder.file("stream.ts"))) << reordered;
    const auto played = play(path);
    EXPECT_EQ(played.numbers, counting(kCopied)) << reordered;
    EXPECT_EQ(played.damaged, 0U);
    for (int n = 0; n < kCopied; ++n)
      EXPECT_NEAR(played.pts[static_cast<std::size_t>(n)], n / 25.0, 0.002) << n;
  }
}

INSTANTIATE_TEST_SUITE_P(Containers, PacketCopies, testing::Values("mp4", "mov", "mkv", "ts"));

/// The camera sends parameter sets only at the start. Its later keyframes have none and are not IDR frames.
TEST(Packets, OfKeyPicturesWithoutParameterSetsStayInOneFile) {
  if (media::find_video_encoder("h264") == nullptr) GTEST_SKIP() << "no H.264 encoder";
  const Folder folder;
  const auto bytes = streamed(
      folder, "h264", {{"g", "20"}, {"bf", "2"}, {"x264-params", "open-gop=1"}, {"flags", "+global_header"}});
  const auto packets = received(bytes, false).packets;
  ASSERT_EQ(packets.size(), static_cast<std::size_t>(kCopied));
  EXPECT_TRUE(packets[20].value.as<Packet>()->is_keyframe || packets[18].value.as<Packet>()->is_keyframe);
  for (const char* const name : {"copy.mp4", "copy.ts"}) {
    copy_into(folder.file(name), packets);
    EXPECT_EQ(slices(folder.file(name)), slices(folder.file("stream.ts"))) << name;
    EXPECT_EQ(play(folder.file(name)).numbers, counting(kCopied)) << name;
  }
}

TEST(Packets, OfTwoConnectionsAreOneStreamHoweverTheirParameterSetsAreSeparated) {
  const auto stream_with = [](const std::vector<std::uint8_t>& sets) {
    const media::CodecParametersPtr known(avcodec_parameters_alloc());
    known->codec_id = AV_CODEC_ID_H264;
    known->width = known->height = 16;
    known->extradata = static_cast<std::uint8_t*>(av_mallocz(sets.size() + AV_INPUT_BUFFER_PADDING_SIZE));
    known->extradata_size = static_cast<int>(sets.size());
    std::ranges::copy(sets, known->extradata);
    const auto packet = make_av_packet();
    return media::ParametersReader(*known).read(*packet);
  };
  const auto first = stream_with({0, 0, 0, 1, 0x67, 66, 1, 2, 0, 0, 0, 1, 0x68, 5});
  EXPECT_TRUE(media::is_same_stream(*first, *stream_with({0, 0, 1, 0x67, 66, 1, 2, 0, 0, 1, 0x68, 5, 0})));
  EXPECT_FALSE(media::is_same_stream(*first, *stream_with({0, 0, 1, 0x67, 66, 1, 2, 0, 0, 1, 0x68, 6})));
  EXPECT_FALSE(media::is_same_stream(*first, *stream_with({0, 0, 1, 0x67, 66, 1, 2})));
}

TEST(Packets, OfFramesThatAreRotatedInAnotherWayAreAnotherStream) {
  const media::CodecParametersPtr known(avcodec_parameters_alloc());
  known->codec_id = AV_CODEC_ID_MJPEG;
  known->width = known->height = 16;
  const auto packet = make_av_packet();
  const auto stream_of = [&](const Orientation& orientation) {
    return media::ParametersReader(*known, orientation).read(*packet);
  };
  const auto plain = stream_of({});
  EXPECT_TRUE(media::is_same_stream(*plain, *stream_of({})));
  EXPECT_FALSE(media::is_same_stream(*plain, *stream_of({.added = 1})));
  EXPECT_FALSE(media::is_same_stream(*plain, *stream_of({.stored = {.flip = true}})));
}

/// Returns packets without the units of one kind in the keyframes that `drops` selects, as after losses on
/// the network.
std::vector<AnySample> without_units(const std::string& path, unsigned kind, const std::vector<bool>& drops) {
  PacketCompletion completion;
  std::vector<AnySample> taken;
  const auto input = open_input(path, false);
  const media::CodecParametersPtr known(avcodec_parameters_alloc());
  known->codec_id = AV_CODEC_ID_H264;
  known->codec_type = AVMEDIA_TYPE_VIDEO;
  completion.connect(*known);
  const auto packet = make_av_packet();
  std::size_t keys = 0;
  for (int n = 0; av_read_frame(input.get(), packet.get()) >= 0; ++n) {
    const bool key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    std::vector<std::uint8_t> bytes(packet->data, packet->data + packet->size);
    if (key && drops.at(keys++)) {
      const std::array<std::uint8_t, 4> code{0, 0, 1, static_cast<std::uint8_t>(0x60U | kind)};
      const auto found = std::ranges::search(bytes, code);
      EXPECT_FALSE(found.empty());
      found.begin()[3] = 0x0C;  // filler data
    }
    const auto own = make_av_packet();
    require(av_new_packet(own.get(), static_cast<int>(bytes.size())));
    std::ranges::copy(bytes, own->data);
    own->flags = packet->flags;
    for (auto& each : completion.add(*own, {.key = key, .time = n / 25.0}))
      taken.push_back(packet_sample(std::move(each.packet)));
    av_packet_unref(packet.get());
  }
  for (auto& each : completion.complete_waiting()) taken.push_back(packet_sample(std::move(each.packet)));
  return taken;
}

TEST(Packets, OfKeyPicturesWhoseParameterSetsWereLostStayInOneFile) {
  if (media::find_video_encoder("h264") == nullptr) GTEST_SKIP() << "no H.264 encoder";
  const Folder folder;
  static_cast<void>(streamed(folder, "h264", {{"g", "20"}, {"bf", "0"}}));
  for (const unsigned kind : {7U, 8U}) {
    const auto packets = without_units(folder.file("stream.ts"), kind, {false, true, false});
    ASSERT_EQ(packets.size(), static_cast<std::size_t>(kCopied));
    const auto& first = *packets.front().value.as<Packet>();
    EXPECT_TRUE(media::is_same_stream(*first.stream, *packets.back().value.as<Packet>()->stream)) << kind;
    copy_into(folder.file("a.mp4"), packets);
    EXPECT_EQ(play(folder.file("a.mp4")).numbers, counting(kCopied)) << kind;
  }
}

TEST(Packets, BeginAtAKeyPictureWhoseParameterSetsAreThere) {
  if (media::find_video_encoder("h264") == nullptr) GTEST_SKIP() << "no H.264 encoder";
  const Folder folder;
  static_cast<void>(streamed(folder, "h264", {{"g", "20"}, {"bf", "0"}}));
  const auto packets = without_units(folder.file("stream.ts"), 7, {true, false, false});
  ASSERT_EQ(packets.size(), static_cast<std::size_t>(kCopied - 20));
  EXPECT_TRUE(packets.front().value.as<Packet>()->is_keyframe);
  EXPECT_EQ(packets.front().value.as<Packet>()->stream->width, kWidth);
}

TEST(Packets, WithLengthsKeepTheParameterSetsOfTheirContainer) {
  const media::CodecParametersPtr known(avcodec_parameters_alloc());
  known->codec_id = AV_CODEC_ID_H264;
  known->width = known->height = 16;
  const std::vector<std::uint8_t> sets{1, 66, 0, 30, 255, 225, 0, 0, 0};
  known->extradata = static_cast<std::uint8_t*>(av_mallocz(sets.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  known->extradata_size = static_cast<int>(sets.size());
  std::ranges::copy(sets, known->extradata);
  const auto packet = make_av_packet();
  ASSERT_EQ(av_new_packet(packet.get(), 0x167 + 4), 0);
  std::fill_n(packet->data, packet->size, std::uint8_t{0x55});
  std::ranges::copy(std::vector<std::uint8_t>{0, 0, 1, 0x67, 0x65},
                    packet->data);  // 0x000001 is the start of a length here, not a start code
  const auto stream = media::ParametersReader(*known).read(*packet);
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->extradata, sets);
  EXPECT_EQ(stream->format, "avcc");
}

TEST(Packets, HaveTheFormOfTheirPicturesWhereTheParserGivesNone) {
  for (const char* const codec : {"mjpeg", "vp9"}) {
    if (media::find_video_encoder(codec) == nullptr) continue;
    const Folder folder;
    const auto path = write_video(folder.file("a.mkv"), 3, {.codec = codec});
    const auto packets = completed(path);
    ASSERT_EQ(packets.size(), 3U) << codec;
    const auto& packet = *packets[0].value.as<Packet>();
    const auto& parameters = *media::make_parameters(*packet.stream).codec;
    const auto form = media::picture_form(parameters.codec_id, packet.data);
    ASSERT_TRUE(form) << codec;
    EXPECT_EQ(std::pair(form->width, form->height), std::pair(kWidth, kHeight)) << codec;
    if (parameters.codec_id == AV_CODEC_ID_VP9) {
      EXPECT_EQ(form->format, AV_PIX_FMT_YUV420P);
    }
    for (std::size_t size = 0; size < std::min<std::size_t>(packet.data.size(), 40); ++size) {
      // Must not read beyond the truncated packet; AddressSanitizer would report that.
      static_cast<void>(media::picture_form(parameters.codec_id, packet.data.first(size)));
    }
    EXPECT_FALSE(media::picture_form(AV_CODEC_ID_H264, packet.data));
  }
}

TEST(Packets, OfMpeg4HaveTheirHeaderInATransportStream) {
  const Folder folder;
  const auto path = write_video(folder.file("a.mkv"), kCopied, {.codec = "mpeg4", .options = {{"g", "20"}}});
  copy_into(folder.file("a.ts"), completed(path));
  EXPECT_EQ(play(folder.file("a.ts")).numbers, counting(kCopied));
}

TEST(Packets, HaveTheTimesOfTheirFramesAndRisingDecodingTimes) {
  const Folder folder;
  const auto both = received(streamed(folder, "mpeg4", {{"g", "20"}}));
  ASSERT_EQ(both.packets.size(), static_cast<std::size_t>(kCopied));
  std::vector<double> shown;
  double last = -100;
  for (const auto& sample : both.packets) {
    const auto& packet = *sample.value.as<Packet>();
    EXPECT_GT(packet.dts, last);
    EXPECT_LE(packet.dts, packet.pts);
    last = packet.dts;
    shown.push_back(packet.pts);
  }
  std::ranges::sort(shown);
  EXPECT_EQ(shown, both.frames);
  EXPECT_TRUE(both.packets[0].value.as<Packet>()->is_keyframe);
  EXPECT_FALSE(both.packets[1].value.as<Packet>()->is_keyframe);
  EXPECT_TRUE(both.packets[20].value.as<Packet>()->is_keyframe);
  EXPECT_EQ(both.packets[0].value.as<Packet>()->stream->width, kWidth);
  EXPECT_EQ(both.packets[0].value.as<Packet>()->stream->codec, "mpeg4");
}

TEST(Packets, OfASourceWithoutFramesGiveNoFrame) {
  const Folder folder;
  const auto only = received(streamed(folder, "mpeg4", {}), false);
  EXPECT_EQ(only.packets.size(), static_cast<std::size_t>(kCopied));
  EXPECT_TRUE(only.frames.empty());
}

TEST(Packets, InSegmentsAreCutAtKeyPicturesAndEachIsInOneFile) {
  const Folder folder;
  const auto packets = received(streamed(folder, "mpeg4", {{"g", "20"}}), false).packets;
  copy_into(folder.file("a_%d.mkv"), packets, {.segment_every = 1.0});
  EXPECT_EQ(play(folder.file("a_1.mkv")).numbers.size(), 40U);  // the first keyframe after 1 s
  const auto second = play(folder.file("a_2.mkv"));
  EXPECT_EQ(second.numbers.size(), 20U);
  EXPECT_EQ(second.numbers.front(), 40);
  EXPECT_NEAR(second.pts.front(), 0, 0.001);
}

/// Returns the pts of a file's packets in decoding order; NaN for packets without pts.
std::vector<double> times_in(const std::string& path) {
  const auto input = open_input(path, false);
  std::vector<double> times;
  const auto packet = make_av_packet();
  while (av_read_frame(input.get(), packet.get()) >= 0) {
    const bool known = packet->pts != AV_NOPTS_VALUE;
    times.push_back(known ? static_cast<double>(packet->pts) * av_q2d(input->streams[0]->time_base) : NAN);
    av_packet_unref(packet.get());
  }
  return times;
}

/// Each segment begins with the keyframe of an open GOP: the frames decoded after it are shown before it.
TEST_P(PacketCopies, OfOpenGroupsOfPicturesHaveAllTimesInEachSegment) {
  if (media::find_video_encoder("h264") == nullptr) GTEST_SKIP() << "no H.264 encoder";
  const Folder folder;
  const auto bytes = streamed(folder, "h264",
                              {{"g", "20"}, {"bf", "2"}, {"b_strategy", "0"}, {"x264-params", "open-gop=1"}});
  const auto packets = received(bytes, false).packets;
  const auto leads = [&](std::size_t n) {
    const auto& key = *packets[n].value.as<Packet>();
    return key.is_keyframe && n + 1 < packets.size() && packets[n + 1].value.as<Packet>()->pts < key.pts;
  };
  std::size_t place = 1;
  while (place < packets.size() && !leads(place)) ++place;
  ASSERT_LT(place, packets.size()) << "no open group of pictures";
  const auto path = folder.file(std::string("copy.") + GetParam());
  const HeardLog heard;
  const std::vector<AnySample> behind(packets.begin() + static_cast<std::ptrdiff_t>(place), packets.end());
  copy_into(path, behind);
  const auto times = times_in(path);
  ASSERT_EQ(times.size(), behind.size());
  const auto own = [&](std::size_t n) { return behind[n].value.as<Packet>()->pts; };
  for (std::size_t n = 0; n < times.size(); ++n)
    EXPECT_NEAR(times[n] - times[0], own(n) - own(0), 0.002) << n;
  EXPECT_EQ(heard.count(LogLevel::Warning, ""), 0);
  EXPECT_EQ(heard.count(LogLevel::Error, ""), 0);
}

/// The recorder is flushed at a time when it has only written the header.
TEST_P(PacketCopies, ArePausedBeforeTheFirstPacketIsMuxed) {
  if (media::find_video_encoder("h264") == nullptr) GTEST_SKIP() << "no H.264 encoder";
  const Folder folder;
  const auto packets =
      received(streamed(folder, "h264", {{"g", "20"}, {"bf", "3"}, {"b_strategy", "0"}}), false).packets;
  const auto path = folder.file(std::string("copy.") + GetParam());
  const HeardLog heard;
  Hand hand;
  VideoFile file(path);
  file.set_input(get_type<Packet>());
  file.open(hand.context());
  for (const auto& each : packets) {
    static_cast<void>(file.process(Sample<Packet>(each), hand.context()));
    if (&each == &packets.front()) file.idle(hand.context());
  }
  file.close();
  EXPECT_EQ(play(path).numbers, counting(kCopied));
  EXPECT_EQ(heard.count(LogLevel::Warning, ""), 0);
}

TEST(Packets, BehindAGapGoOnAtAKeyPicture) {
  const Folder folder;
  auto packets = received(streamed(folder, "mpeg4", {{"g", "20"}}), false).packets;
  packets.erase(packets.begin() + 10, packets.begin() + 13);
  packets[10].dropped = 3;
  copy_into(folder.file("a.mkv"), packets);
  const auto played = play(folder.file("a.mkv"));
  EXPECT_EQ(played.numbers.size(), 10U + 40U);
  EXPECT_EQ(played.damaged, 0U);
  EXPECT_NEAR(played.pts[10], 20 / 25.0, 0.002);
}

TEST(Packets, ThatTheContainerCannotHoldAreRefusedWithThoseThatCan) {
  const Folder folder;
  const auto packets = received(streamed(folder, "mpeg2", {}), false).packets;
  ASSERT_FALSE(packets.empty());
  const auto text = message_of<Error>([&] { copy_into(folder.file("a.mp4"), packets); });
  EXPECT_TRUE(contains(text, "mpeg2video")) << text;
  EXPECT_TRUE(contains(text, ".mkv, .ts")) << text;
}

TEST(Packets, OfAFileAreRefused) {
  EXPECT_THROW(static_cast<void>(make_packet_source(*open("a.mp4"))), GraphError);
}

}  // namespace
}  // namespace freshframe::test
