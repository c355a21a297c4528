// A decoder that sleeps: key pictures at once and alone, and after a wake the newest picture and all that follow.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/packet_nodes.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/media/packets/packet_rig.hpp"
#include "media/ffmpeg/write/video_codec.hpp"
#include "media/network/decoding/key_decoding.hpp"
#include "media/network/decoding/wake_limit.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

/// A stream, and what a decoder makes of all of it.
struct Film {
  std::vector<AvPacketPtr> packets;
  CodecParametersPtr codec;
  AVRational time_base{};
};

/// A picture that came, and behind how many packets.
struct ShownPicture {
  std::int64_t time = 0;
  Bytes luma;
  std::size_t behind = 0;
};

Film film_of(const std::string& path) {
  AVFormatContext* raw = nullptr;
  require(avformat_open_input(&raw, path.c_str(), nullptr, nullptr));
  const InputPtr input(raw);
  require(avformat_find_stream_info(raw, nullptr));
  Film film;
  film.codec.reset(avcodec_parameters_alloc());
  require(avcodec_parameters_copy(film.codec.get(), raw->streams[0]->codecpar));
  film.time_base = raw->streams[0]->time_base;
  const auto packet = make_av_packet();
  while (av_read_frame(raw, packet.get()) >= 0) {
    film.packets.emplace_back(av_packet_clone(packet.get()));
    av_packet_unref(packet.get());
  }
  return film;
}

Bytes luma_of(const AVFrame& frame) {
  Bytes bytes;
  for (int y = 0; y < frame.height; ++y) {
    const auto* const row =
        reinterpret_cast<const char*>(frame.data[0]) + std::ptrdiff_t{y} * frame.linesize[0];
    bytes.insert(bytes.end(), row, row + frame.width);
  }
  return bytes;
}

bool is_key_packet(const Film& film, std::size_t n) {
  return (film.packets.at(n)->flags & AV_PKT_FLAG_KEY) != 0;
}

/// Decodes as a source does. `awake`: by the number of the packet.
std::vector<ShownPicture> shown_of(const Film& film, bool sleeps, const std::vector<bool>& awake = {}) {
  Dictionary none;
  Decoder decoder(*film.codec, film.time_base, {.low_delay = true}, none);
  KeyDecoding decoding(sleeps);
  decoding.connect();
  const auto frame = make_av_frame();
  std::vector<ShownPicture> shown;
  const auto receive = [&](std::size_t behind) {
    for (;;) {
      const auto result = decoding.receive(decoder, *frame);
      if (result == Decoder::Result::NeedsPacket || result == Decoder::Result::End) return;
      if (result == Decoder::Result::Frame)
        shown.push_back({frame->best_effort_timestamp, luma_of(*frame), behind});
    }
  };
  for (std::size_t n = 0; n < film.packets.size(); ++n) {
    const AvPacketPtr packet(av_packet_clone(film.packets[n].get()));
    const auto captured = TimePoint{} + to_duration(Seconds(static_cast<double>(n)));
    static_cast<void>(
        decoding.send(decoder, *packet, captured, is_key_packet(film, n), !awake.empty() && awake[n]));
    receive(n);
  }
  decoding.finish(decoder);
  receive(film.packets.size());
  return shown;
}

struct Coding {
  std::string name;
  std::string codec;
  std::map<std::string, std::string> options;
};

class KeyPictures : public testing::TestWithParam<Coding> {
 protected:
  void SetUp() override {
    const auto& coding = GetParam();
    if (media::find_video_encoder(coding.codec) == nullptr) GTEST_SKIP() << "no encoder of " << coding.codec;
    write_video(folder_.file("a.mkv"), 120, {.codec = coding.codec, .options = coding.options});
    film_ = film_of(folder_.file("a.mkv"));
    all_ = shown_of(film_, false);
    for (const auto& one : all_) lumas_[one.time] = one.luma;
  }

  void expect_true_pictures(const std::vector<ShownPicture>& shown) const {
    for (std::size_t n = 0; n < shown.size(); ++n) {
      const auto found = lumas_.find(shown[n].time);
      ASSERT_NE(found, lumas_.end()) << shown[n].time;
      EXPECT_EQ(shown[n].luma, found->second) << shown[n].time;
      if (n > 0) {
        EXPECT_GT(shown[n].time, shown[n - 1].time);
      }
    }
  }

  /// The newest picture that a decoder that sees all has given behind this packet.
  [[nodiscard]] std::int64_t newest_behind(std::size_t packet) const {
    std::int64_t newest = INT64_MIN;
    for (const auto& one : all_) {
      if (one.behind <= packet) newest = std::max(newest, one.time);
    }
    return newest;
  }

  /// The time of the last key picture up to this packet, which is given at once.
  [[nodiscard]] std::int64_t key_before(std::size_t packet) const {
    while (!is_key_packet(film_, packet)) --packet;
    return film_.packets[packet]->pts;
  }

  Folder folder_;
  Film film_;
  std::vector<ShownPicture> all_;
  std::map<std::int64_t, Bytes> lumas_;
};

TEST_P(KeyPictures, ComeBeforeTheNextPacketAndAreThoseOfFullDecoding) {
  const auto shown = shown_of(film_, true);
  expect_true_pictures(shown);
  std::size_t found = 0;
  for (std::size_t n = 0; n < film_.packets.size(); ++n) {
    if (!is_key_packet(film_, n)) continue;
    ASSERT_LT(found, shown.size());
    EXPECT_EQ(shown[found].behind, n);
    EXPECT_EQ(shown[found].time, film_.packets[n]->pts);
    ++found;
  }
  EXPECT_EQ(found, shown.size());
  EXPECT_GE(found, 5U);
}

TEST_P(KeyPictures, AreFollowedByTheNewestPictureAndAllOthersAfterAWake) {
  std::mt19937 random(3);
  for (int round = 0; round < 12; ++round) {
    const auto from = 1 + random() % 80;
    const auto to = from + 1 + random() % 30;
    std::vector<bool> awake(film_.packets.size(), false);
    std::fill(awake.begin() + static_cast<std::ptrdiff_t>(from),
              awake.begin() + static_cast<std::ptrdiff_t>(to), true);
    const auto shown = shown_of(film_, true, awake);
    expect_true_pictures(shown);
    const auto begin = is_key_packet(film_, from) ? from + 1 : from;  // a key picture is decoded by itself
    const auto newest = std::max(newest_behind(begin), key_before(begin));
    const auto came = [&](auto time, std::size_t latest) {
      return std::ranges::any_of(
          shown, [&](const ShownPicture& one) { return one.time == time && one.behind <= latest; });
    };
    EXPECT_TRUE(came(newest, begin)) << from << " to " << to;
    for (const auto& one : all_) {
      if (one.behind <= begin || one.behind >= to || one.time <= newest) continue;
      EXPECT_TRUE(came(one.time, one.behind)) << from << " to " << to << ": " << one.time;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Codecs, KeyPictures,
    testing::Values(
        Coding{"H264", "h264", {{"g", "20"}, {"bf", "0"}}},
        Coding{"H264WithBFrames", "h264", {{"g", "20"}, {"bf", "3"}, {"b_strategy", "0"}}},
        Coding{"H264WithOpenGroups",
               "h264",
               {{"x264-params", "open-gop=1:keyint=20:min-keyint=20:scenecut=0:bframes=3:b-adapt=0"}}},
        Coding{"H265", "h265", {{"x265-params", "keyint=20:min-keyint=20:bframes=3:log-level=error"}}},
        Coding{"Vp9", "vp9", {{"g", "20"}}}, Coding{"Mpeg4", "mpeg4", {{"g", "20"}, {"bf", "2"}}}),
    [](const auto& coding) { return coding.param.name; });

TEST(KeyDecodings, WithTooManyBytesWaitForTheNextKeyPicture) {
  const Folder folder;
  write_video(folder.file("a.mkv"), 40, {.codec = "mpeg4", .options = {{"g", "20"}, {"bf", "0"}}});
  const auto film = film_of(folder.file("a.mkv"));
  Dictionary none;
  Decoder decoder(*film.codec, film.time_base, {.low_delay = true}, none);
  KeyDecoding decoding(true);
  decoding.connect();
  const auto frame = make_av_frame();
  const auto give = [&](const AVPacket& packet, bool key, bool awake) {
    const AvPacketPtr own(av_packet_clone(&packet));
    const auto sent = decoding.send(decoder, *own, TimePoint{}, key, awake);
    while (decoding.receive(decoder, *frame) == Decoder::Result::Frame) {
    }
    return sent.has_value();
  };
  EXPECT_TRUE(give(*film.packets[0], true, false));
  const auto large = make_av_packet();
  require(av_new_packet(large.get(), static_cast<int>(KeyDecoding::kMostBytes)));
  EXPECT_FALSE(decoding.has_overflowed());
  EXPECT_FALSE(give(*large, false, false));
  EXPECT_TRUE(decoding.has_overflowed());
  EXPECT_FALSE(give(*film.packets[2], false, true));
  EXPECT_TRUE(give(*film.packets[20], true, true));
  EXPECT_TRUE(give(*film.packets[21], false, true));
}

TEST(WakeLimit, IsTheLatestThatWasAskedFor) {
  WakeLimit limit;
  const TimePoint start{};
  EXPECT_FALSE(limit.is_awake(start, 0));
  limit.wake_for(Seconds(5));
  limit.wake_for(Seconds(2));
  EXPECT_TRUE(limit.is_awake(start, 0));
  EXPECT_TRUE(limit.is_awake(start + std::chrono::seconds(4), 0));
  limit.wake_for(Seconds(3));
  EXPECT_TRUE(limit.is_awake(start + std::chrono::seconds(4), 0));
  EXPECT_TRUE(limit.is_awake(start + std::chrono::seconds(6), 0));
  EXPECT_FALSE(limit.is_awake(start + std::chrono::seconds(7), 0));
  limit.wake_until(30.0);
  EXPECT_TRUE(limit.is_awake(start + std::chrono::seconds(8), 29.9));
  EXPECT_FALSE(limit.is_awake(start + std::chrono::seconds(8), 30.0));
}

TEST(SleepingSource, GivesKeyPicturesWithTheirNumbersAndCountsTheOthers) {
  const Folder folder;
  const ByteServer server(streamed(folder, "mpeg4", {{"g", "20"}, {"bf", "0"}}, 90));
  Hand hand;
  const auto source = open(server.url(), {.reconnect = false, .decode = Decode::Keys});
  source->open(hand.context());
  std::vector<int> numbers;
  std::vector<std::int64_t> seqs;
  try {
    while (const auto frame = source->read(hand.context())) {
      numbers.push_back(number_of(frame->value));
      seqs.push_back(frame->seq.value());
    }
  } catch (const SourceError&) {  // the end of a live stream
  }
  source->close();
  EXPECT_EQ(numbers, (std::vector<int>{0, 20, 40, 60, 80}));
  EXPECT_EQ(seqs, (std::vector<std::int64_t>{0, 20, 40, 60, 80}));
  // also the nine behind the last key picture
  EXPECT_EQ(hand.counters.drops(NodeDropCause::NotDecoded), 85U);
  EXPECT_EQ(hand.damaged(), 0U);
}

TEST(SleepingSource, GivesAllFramesUpToTheTimeItWasWokenFor) {
  const Folder folder;
  const ByteServer server(streamed(folder, "mpeg4", {{"g", "20"}, {"bf", "0"}}, 90));
  Hand hand;
  const auto source = open(server.url(), {.reconnect = false, .decode = Decode::Keys});
  wake(*source, {}, 25 / 25.0);
  source->open(hand.context());
  std::vector<int> numbers;
  std::vector<std::int64_t> seqs;
  try {
    while (const auto frame = source->read(hand.context())) {
      numbers.push_back(number_of(frame->value));
      seqs.push_back(frame->seq.value());
      if (numbers.back() == 60) wake(*source, {}, 62 / 25.0);
    }
  } catch (const SourceError&) {  // the end of a live stream
  }
  source->close();
  auto expected = counting(26);
  for (const int n : {40, 60, 61, 62, 80}) expected.push_back(n);
  EXPECT_EQ(numbers, expected);
  EXPECT_EQ(seqs, (std::vector<std::int64_t>(expected.begin(), expected.end())));
}

TEST(SleepingSource, IsALiveNetworkStreamOnly) {
  EXPECT_THROW(static_cast<void>(open("a.mp4", {.decode = Decode::Keys})), OptionError);
  EXPECT_THROW(static_cast<void>(open("demo:circles", {.decode = Decode::Keys})), OptionError);
  const auto all = open("rtsp://127.0.0.1:9/a");
  EXPECT_THROW(wake(*all, 1), GraphError);
  const auto keys = open("rtsp://127.0.0.1:9/a", {.decode = Decode::Keys});
  EXPECT_THROW(wake(*keys, 0), OptionError);
  EXPECT_THROW(wake(*keys, {}), OptionError);
  EXPECT_THROW(wake(*keys, 1, 1), OptionError);
  wake(*keys, 1);
}

}  // namespace
}  // namespace freshframe::test
