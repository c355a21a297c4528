// decode="keyframes": each keyframe is decoded on its own, until a call wakes the decoder.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cpp/heard_log.hpp"
#include "cpp/media/files.hpp"
#include "cpp/sources/network/decoding/film.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "sources/network/decoding/decoding_mode.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

class KeyDecodingTest : public testing::Test {
 protected:
  static Film make_film(const Folder& folder) {
    write_video(folder.file("a.mkv"), 45, {.codec = "mpeg4", .options = {{"g", "20"}, {"bf", "0"}}});
    return film_of(folder.file("a.mkv"));
  }
  /// `awake`: see arrived_packet().
  std::optional<bool> send(std::size_t n, bool awake = false) {
    const AvPacketPtr packet(av_packet_clone(film_.packets[n].get()));
    return mode_->send(decoder_, *packet, arrived_packet(film_, n, awake), film_time(n));
  }
  /// Returns the number of frames.
  int take() {
    int frames = 0;
    while (mode_->receive(decoder_, *frame_) == Decoder::Result::Frame) ++frames;
    return frames;
  }

  const Folder folder_;
  const Film film_ = make_film(folder_);
  Dictionary none_;
  Decoder decoder_{*film_.codec, film_.time_base, {.low_delay = true}, none_};
  const AvFramePtr frame_ = make_av_frame();
  const std::unique_ptr<DecodingMode> mode_ = make_key_decoding("'camera'", "rtsp://camera/");
};

TEST_F(KeyDecodingTest, DecodesOnlyKeyframesAndSleepsAfterEach) {
  for (std::size_t n = 0; n < film_.packets.size(); ++n) {
    const bool key = is_key_packet(film_, n);
    EXPECT_TRUE(mode_->is_asleep()) << n;
    EXPECT_EQ(send(n), key ? std::optional(true) : std::nullopt) << n;
    EXPECT_EQ(take(), key ? 1 : 0) << n;
  }
}

TEST_F(KeyDecodingTest, CatchesUpWhenItIsWokenAndSleepsAfterwards) {
  mode_->wake({}, 1);
  for (std::size_t n = 0; n < 5; ++n) {
    static_cast<void>(send(n));
    static_cast<void>(take());
  }
  EXPECT_EQ(send(5, true), true);
  EXPECT_FALSE(mode_->is_asleep());
  std::size_t replayed = 1;  // send() sends the first one
  while (const auto item = mode_->group().next()) ++replayed;
  EXPECT_EQ(replayed, 6U);
  EXPECT_EQ(send(6, true), true);
  EXPECT_EQ(send(7), std::nullopt) << "the time it was woken for is over";
  static_cast<void>(take());
  EXPECT_TRUE(mode_->is_asleep());
}

TEST_F(KeyDecodingTest, WakesAtTheNextKeyframeIfTheGroupIsTooLarge) {
  mode_->wake({}, 1);
  static_cast<void>(send(0));
  static_cast<void>(take());
  const HeardLog log;
  const auto large = make_av_packet();
  require(av_new_packet(large.get(), static_cast<int>(Group::kMostBytes)));
  static_cast<void>(mode_->send(decoder_, *large, arrived_packet(film_, 1), film_time(1)));
  EXPECT_EQ(log.count(LogLevel::Warning, "'camera' has sent 16 MiB since its last keyframe"), 1);
  EXPECT_EQ(send(2, true), std::nullopt);
  EXPECT_TRUE(mode_->is_asleep());
}

TEST_F(KeyDecodingTest, ReportsKeyframesThatYieldNoFrameOnce) {
  const HeardLog log;
  const auto send_key = [&] {
    const auto packet = make_av_packet();
    require(av_new_packet(packet.get(), 4));
    std::fill_n(packet->data, 4, std::uint8_t{0});
    static_cast<void>(mode_->send(decoder_, *packet, arrived_packet(film_, 0), film_time(0)));
    EXPECT_EQ(take(), 0);
  };
  for (int n = 0; n < 3; ++n) send_key();
  EXPECT_EQ(log.count(LogLevel::Warning, "cannot be decoded by themselves"), 0);
  for (int n = 0; n < 3; ++n) send_key();
  EXPECT_EQ(log.count(LogLevel::Warning, "cannot be decoded by themselves"), 1);
}

TEST_F(KeyDecodingTest, IsUselessWithoutKeyframes) {
  EXPECT_FALSE(mode_->expects_frames()) << "but a silent decoder alone proves nothing";
  try {
    mode_->go_on_without_key(decoder_);
    FAIL();
  } catch (const SourceError& error) {
    EXPECT_NE(std::string(error.what()).find("lost 'rtsp://camera/': it sends no keyframes"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace freshframe::test
