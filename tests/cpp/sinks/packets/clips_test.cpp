// Clips of a camera's own packets: they start at a keyframe before the event, and are complete and unchanged.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/packet_nodes.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cpp/heard_log.hpp"
#include "cpp/media/files.hpp"
#include "cpp/media/packets/packet_rig.hpp"
#include "media/ffmpeg/write/video_codec.hpp"
#include "media/packets/packet_ticks.hpp"
#include "sinks/recording/packet_ring.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr int kKeyEach = 20;  // frames from one keyframe to the next
constexpr double kPacketFps = 25;

/// A running ClipRecorder of packets. The test feeds it.
class PacketClipping {
 public:
  explicit PacketClipping(const ClipOptions& options = {.before = 1, .after = 1}) : clips_(options) {
    hand_.clock = clock_;
    clips_.set_input(get_type<Packet>());
    clips_.open(hand_.context());
  }
  void feed(const std::vector<AnySample>& packets, std::size_t from, std::size_t to) {
    for (std::size_t n = from; n < to; ++n)
      static_cast<void>(clips_.process(Sample<Packet>(packets.at(n)), hand_.context()));
  }
  void wait(int seconds) {
    for (int n = 0; n < seconds; ++n) {
      clock_->advance(Seconds(1));
      const auto at = clips_.idle_at();
      if (at && *at <= clock_->now()) clips_.idle(hand_.context());
    }
  }
  [[nodiscard]] std::uint64_t lost() const { return hand_.counters.drops(NodeDropCause::Lost); }
  void close() { clips_.close(); }
  ClipRecorder* operator->() noexcept { return &clips_; }

 private:
  Hand hand_;
  std::shared_ptr<SimulatedClock> clock_ = std::make_shared<SimulatedClock>();
  ClipRecorder clips_;
};

std::vector<AnySample> packets_with_keys(const Folder& folder, int count = 160,
                                         const std::string& codec = "mpeg4") {
  static_cast<void>(streamed(folder, codec, {{"g", std::to_string(kKeyEach)}, {"bf", "0"}}, count));
  return completed(folder.file("stream.ts"));
}

std::vector<int> numbers_from(int first, int end) {
  std::vector<int> numbers;
  for (int n = first; n < end; ++n) numbers.push_back(n);
  return numbers;
}

TEST(PacketClipFiles, BeginWithTheKeyPictureBeforeTheirSecondsAndSayHowMuchEarlierThatIs) {
  for (const std::string suffix : {"mp4", "mov", "mkv"}) {
    const Folder folder;
    const HeardLog heard;
    PacketClipping clipping;
    const auto packets = packets_with_keys(folder);
    clipping.feed(packets, 0, 111);
    clipping->save(folder.file("a." + suffix), 110 / kPacketFps);  // frames 85 to 135
    clipping.feed(packets, 111, 160);
    EXPECT_TRUE(clipping->writing().empty());
    clipping.close();
    const auto played = play(folder.file("a." + suffix));
    EXPECT_EQ(played.numbers, numbers_from(80, 137));
    EXPECT_EQ(played.damaged, 0U);
    EXPECT_NEAR(played.pts[0], 0, 0.001);
    EXPECT_EQ(heard.count(LogLevel::Info, "is 0.20 s earlier than requested"), 1);
  }
}

TEST(PacketClipFiles, OfRandomMomentsHaveEachUnitOfTheStreamOnce) {
  if (media::find_video_encoder("h264") == nullptr) GTEST_SKIP() << "no H.264 encoder";
  const Folder folder;
  static_cast<void>(streamed(folder, "h264", {{"g", "20"}, {"bf", "3"}, {"b_strategy", "0"}}, 400));
  const auto packets = completed(folder.file("stream.ts"));
  const auto all = slices(folder.file("stream.ts"));
  ASSERT_EQ(all.size(), packets.size());
  PacketClipping clipping({.before = 3, .after = 1});
  std::mt19937 random(7);
  std::vector<std::pair<std::string, double>> saved;
  for (std::size_t n = 0; n < packets.size(); ++n) {
    clipping.feed(packets, n, n + 1);
    if (n < 100 || n > 340 || random() % 5 != 0) continue;
    const double at = packets[n].stamp.pts + (static_cast<double>(random() % 75) - 50) / kPacketFps;
    const auto path = folder.file("clip" + std::to_string(n) + (n % 2 == 0 ? ".mp4" : ".mkv"));
    clipping->save(path, at);
    saved.emplace_back(path, at);
  }
  clipping.close();
  ASSERT_GT(saved.size(), 30U);
  for (const auto& [path, at] : saved) {
    const auto part = slices(path);
    ASSERT_FALSE(part.empty());
    const auto found = std::ranges::search(all, part);
    ASSERT_FALSE(found.empty()) << path;
    const auto first = static_cast<std::size_t>(found.begin() - all.begin());
    EXPECT_TRUE(packets[first].value.as<Packet>()->is_keyframe);
    EXPECT_LE(packets[first].stamp.pts, at - 1);  // although the event is 2 s in the past
    EXPECT_GE(packets[first + part.size() - 1].stamp.pts, at + 1 - 4 / kPacketFps);
  }
}

TEST(PacketClipFiles, GoOnAtAKeyPictureBehindAGap) {
  const Folder folder;
  PacketClipping clipping({.before = 2, .after = 10});
  auto packets = packets_with_keys(folder);
  packets.erase(packets.begin() + 50, packets.begin() + 53);
  packets[50].dropped = 3;
  clipping.feed(packets, 0, 40);
  clipping->save(folder.file("a.mp4"));
  clipping.feed(packets, 40, packets.size());
  clipping.close();
  auto expected = numbers_from(0, 50);
  for (const int n : numbers_from(60, 160)) expected.push_back(n);
  const auto played = play(folder.file("a.mp4"));
  EXPECT_EQ(played.numbers, expected);
  EXPECT_NEAR(played.pts[50], 60 / kPacketFps, 0.002);
  EXPECT_EQ(clipping.lost(), 7U);
}

TEST(PacketClipFiles, OfACameraWithoutASecondKeyPictureHoldNoMoreThanMaxBytes) {
  const Folder folder;
  const HeardLog heard;
  auto packets = packets_with_keys(folder);
  std::size_t group = 0;
  for (std::size_t n = 0; n < packets.size(); ++n) {
    auto& packet = const_cast<Packet&>(*packets[n].value.as<Packet>());
    packet.is_keyframe = n == 0 || n == 120;
    if (n < 60) group += packet.data.size();
  }
  PacketClipping clipping({.before = 1, .after = 1, .max_bytes = group});
  clipping.feed(packets, 0, 30);
  clipping->save(folder.file("begun.mp4"), 60 / kPacketFps);
  clipping.feed(packets, 30, 61);
  EXPECT_EQ(heard.count(LogLevel::Warning, "since its last keyframe"), 1);
  clipping.feed(packets, 61, 100);
  clipping->save(folder.file("waits.mp4"), 115 / kPacketFps);
  clipping->save(folder.file("none.mp4"), 60 / kPacketFps);
  clipping.feed(packets, 100, 160);
  clipping.close();
  EXPECT_EQ(play(folder.file("begun.mp4")).numbers, numbers_from(0, 87));
  EXPECT_EQ(play(folder.file("waits.mp4")).numbers, numbers_from(120, 142));
  EXPECT_EQ(heard.count(LogLevel::Warning, "none.mp4' was not written: no keyframe is in memory"), 1);
  EXPECT_EQ(heard.count(LogLevel::Warning, "since its last keyframe"), 1);
  EXPECT_EQ(clipping.lost(), 120U - 87U);
}

TEST(PacketClipFiles, EndWhereTheCameraSendsWithOtherParameters) {
  const Folder first;
  const Folder second;
  PacketClipping clipping({.before = 2, .after = 60});
  const auto packets = packets_with_keys(first, 60);
  auto others = packets_with_keys(second, 60, "mpeg2");
  for (auto& other : others) {
    auto& packet = const_cast<Packet&>(*other.value.as<Packet>());
    packet.pts += 10;
    packet.dts += 10;
  }
  const HeardLog heard;
  clipping.feed(packets, 0, 60);
  clipping->save(first.file("a.mkv"));
  clipping.feed(others, 0, 10);
  EXPECT_TRUE(clipping->writing().empty());
  clipping->save(first.file("b.mkv"));
  clipping.feed(others, 10, 60);
  clipping.close();
  EXPECT_EQ(heard.count(LogLevel::Warning, "the camera now sends with other parameters"), 1);
  EXPECT_EQ(play(first.file("a.mkv")).numbers, numbers_from(0, 60));
  EXPECT_EQ(play(first.file("b.mkv")).numbers, numbers_from(0, 60));
}

TEST(PacketClipFiles, OfACameraThatIsAwayEndAtTheirTime) {
  const Folder folder;
  PacketClipping clipping({.before = 1, .after = 15});
  const auto packets = packets_with_keys(folder, 60);
  clipping.feed(packets, 0, 60);
  clipping->save(folder.file("a.mkv"));
  clipping.wait(5);
  EXPECT_FALSE(clipping->writing().empty());
  clipping.wait(15);
  EXPECT_TRUE(clipping->writing().empty());
  EXPECT_EQ(play(folder.file("a.mkv")).numbers, numbers_from(20, 60));
  clipping.close();
}

TEST(PacketClipFiles, ThatCannotHoldTheCamerasCodecAreRefused) {
  const Folder folder;
  PacketClipping clipping({.before = 2, .after = 60});
  EXPECT_THROW(clipping->save(folder.file("a.ts")), OptionError);
  const auto packets = packets_with_keys(folder, 60, "mpeg2");
  clipping.feed(packets, 0, 30);
  const auto text = message_of<Error>([&] { clipping->save(folder.file("a.mp4")); });
  EXPECT_TRUE(contains(text, "mpeg2video")) << text;
  EXPECT_TRUE(contains(text, ".mkv")) << text;
  EXPECT_TRUE(clipping->writing().empty());
  clipping->save(folder.file("a.mkv"));
  clipping.feed(packets, 30, 60);
  clipping.close();
  EXPECT_EQ(play(folder.file("a.mkv")).numbers.size(), 60U);
}

TEST(PacketRing, OfAGroupThatDoesNotEndHoldsNoMoreThanMaxBytes) {
  constexpr int kSize = 100;
  PacketRing ring(1, 10 * kSize);
  ring.begin_stream({1, 25});
  const auto packet = make_av_packet();
  ASSERT_EQ(av_new_packet(packet.get(), kSize), 0);
  std::size_t dropped = 0;
  for (int n = 0; n < 250; ++n) {
    packet->pts = packet->dts = n;
    packet->flags = n % 200 == 0 ? AV_PKT_FLAG_KEY : 0;
    static_cast<void>(ring.push(*packet));
    dropped += ring.drop_what_is_above();
    EXPECT_LE(ring.bytes(), std::size_t{10 * kSize});
    EXPECT_EQ(ring.has_key(), n % 200 < 10) << n;
  }
  EXPECT_EQ(dropped, 250U);
}

TEST(PacketTicks, RiseWhereACameraRepeatsATime) {
  const Folder folder;
  auto packets = packets_with_keys(folder, 40);
  PacketTicks ticks(0);
  std::int64_t last = INT64_MIN;
  for (auto& each : packets) {
    auto packet = *each.value.as<Packet>();
    packet.pts = packet.dts = 1.5;
    const auto own = ticks.next(packet);
    EXPECT_GT(own->dts, last);
    EXPECT_GE(own->pts, own->dts);
    last = own->dts;
  }
}

}  // namespace
}  // namespace freshframe::test
