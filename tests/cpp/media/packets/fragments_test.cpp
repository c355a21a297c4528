// MP4 fragments: FFmpeg reads the same packets back, even if frames are missing, and each codec has its codec
// string.
// SPDX-License-Identifier: Apache-2.0
#include "media/packets/fragments.hpp"

#include "freshframe/clock.hpp"
#include "freshframe/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/media/packets/packet_rig.hpp"
#include "media/ffmpeg/write/video_codec.hpp"
#include "media/packets/kept_packets.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

const Packet& packet_in(const AnySample& sample) {
  return *sample.value.as<Packet>();
}

class Fragments : public testing::TestWithParam<bool> {};

TEST_P(Fragments, HaveTheSamePicturesAtTheSameTimesAlsoWhereSomeAreLeftOut) {
  if (media::find_video_encoder("h264") == nullptr) GTEST_SKIP() << "no H.264 encoder";
  const Folder folder;
  static_cast<void>(
      streamed(folder, "h264", {{"g", "20"}, {"bf", GetParam() ? "3" : "0"}, {"b_strategy", "0"}}));
  const auto packets = completed(folder.file("stream.ts"));
  ASSERT_EQ(packets.size(), static_cast<std::size_t>(kCopied));
  media::FragmentWriter writer(*packet_in(packets[0]).stream);
  EXPECT_TRUE(writer.codec().starts_with("avc1."));
  std::string file = writer.init();
  std::vector<double> pts;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const auto fragment = writer.write(packet_in(packets[i]));
    ASSERT_EQ(media::find_box(fragment.bytes, "mdat").size(), fragment.sample_size);
    if (i >= 20 && i < 40) continue;  // lost: a whole group of pictures
    file += fragment.bytes;
    pts.push_back(packet_in(packets[i]).pts);
  }
  std::ranges::sort(pts);
  const auto path = folder.file("fragments.mp4");
  std::ofstream(path, std::ios::binary) << file;
  const auto played = play(path);
  ASSERT_EQ(played.pts.size(), pts.size());
  EXPECT_EQ(played.damaged, 0U);
  const double shift = played.pts[0] - pts[0];
  for (std::size_t i = 0; i < pts.size(); ++i) EXPECT_NEAR(played.pts[i], pts[i] + shift, 1e-4) << i;
}

INSTANTIATE_TEST_SUITE_P(Order, Fragments, testing::Bool());

/// Reads the big-endian number of `size` bytes at an offset of a box.
std::uint64_t number_at(std::string_view box, std::size_t at, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number = number << 8U | static_cast<unsigned char>(box[at + i]);
  return number;
}

TEST(FragmentWriter, ClaimsThreeTenthsOfASecondAndShiftsTheTimes) {
  if (media::find_video_encoder("h264") == nullptr) GTEST_SKIP() << "no H.264 encoder";
  const Folder folder;
  static_cast<void>(streamed(folder, "h264", {{"g", "20"}, {"bf", "0"}}));
  const auto packets = completed(folder.file("stream.ts"));
  media::FragmentWriter writer(*packet_in(packets[0]).stream);
  for (const auto& each : packets) {
    const auto fragment = writer.write(packet_in(each));
    EXPECT_EQ(number_at(media::find_box(fragment.bytes, "moof/traf/tfhd"), 8, 4), 27000U);
    const auto time = number_at(media::find_box(fragment.bytes, "moof/traf/tfdt"), 4, 8);
    EXPECT_NEAR(static_cast<double>(time) / 90000, packet_in(each).dts + media::FragmentWriter::kShift, 1e-4);
  }
}

TEST(FragmentWriter, NamesTheCodecs) {
  for (const auto& [encoder, name] :
       {std::pair("hevc", "hvc1.1."), std::pair("vp9", "vp09.00."), std::pair("av1", "av01.0.")}) {
    if (media::find_video_encoder(encoder) == nullptr) continue;
    const Folder folder;
    const auto path = write_video(folder.file("a.mkv"), 5, {.codec = encoder});
    const auto packets = completed(path);
    ASSERT_FALSE(packets.empty()) << encoder;
    const media::FragmentWriter writer(*packet_in(packets[0]).stream);
    EXPECT_TRUE(writer.codec().starts_with(name)) << writer.codec();
  }
}

TEST(FragmentWriter, RefusesACodecThatNoBrowserPlays) {
  const Folder folder;
  const auto packets = completed(write_video(folder.file("a.mkv"), 5, {.codec = "mjpeg"}));
  ASSERT_FALSE(packets.empty());
  EXPECT_THROW(media::FragmentWriter(*packet_in(packets[0]).stream), Error);
}

void put(media::KeptPackets& packets, double pts, bool key, std::size_t size = 10) {
  const auto bytes = std::make_shared<std::vector<std::uint8_t>>(size);
  packets.put({.data = *bytes, .pts = pts, .dts = pts, .is_keyframe = key, .stream = nullptr, .owner = bytes},
              {});
}

std::vector<double> times_of(const std::vector<media::KeptPacket>& packets) {
  std::vector<double> times;
  for (const auto& each : packets) times.push_back(each.packet.pts);
  return times;
}

using Times = std::vector<double>;

TEST(KeptPackets, BeginWithTheLastKeyPictureAndThenComeOnce) {
  int rung = 0;
  media::KeptPackets packets(std::make_shared<SimulatedClock>(), [&] { ++rung; });
  put(packets, 0, false);
  for (const double pts : {1, 2, 3, 4, 5}) put(packets, pts, pts == 1 || pts == 3);
  EXPECT_TRUE(packets.take().empty());
  EXPECT_EQ(rung, 0);
  packets.watch();
  EXPECT_EQ(times_of(packets.take()), (Times{3, 4, 5}));
  put(packets, 6, true);
  put(packets, 7, false);
  EXPECT_EQ(rung, 1);  // once for both packets
  put(packets, 8, true);
  EXPECT_EQ(times_of(packets.take()), (Times{6, 7, 8}));
  packets.unwatch();
  put(packets, 9, false);
  packets.watch();
  EXPECT_EQ(times_of(packets.take()), (Times{8, 9}));
}

TEST(KeptPackets, SayWhenTheyWereReceivedAlsoWhereTheyAreTakenLater) {
  const auto clock = std::make_shared<SimulatedClock>();
  media::KeptPackets packets(clock, [] {});
  clock->advance(Seconds(2));
  put(packets, 1, true);
  clock->advance(Seconds(3));
  packets.watch();
  const auto taken = packets.take();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].received, TimePoint{} + to_duration(Seconds(2)));
}

TEST(KeptPackets, AreGivenUpUpToTheNextKeyPictureWhereTheyAreTooMany) {
  media::KeptPackets packets(std::make_shared<SimulatedClock>(), [] {});
  packets.watch();
  put(packets, 1, true);
  put(packets, 2, false, media::KeptPackets::kMostBytes);
  put(packets, 3, false);
  EXPECT_TRUE(packets.take().empty());
  put(packets, 4, true);
  put(packets, 5, false);
  EXPECT_EQ(times_of(packets.take()), (Times{4, 5}));
}

}  // namespace
}  // namespace freshframe::test
