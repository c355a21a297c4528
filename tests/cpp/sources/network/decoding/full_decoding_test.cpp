// decode="all": every packet is decoded, and a decoder that starts late replays the packets since the keyframe.
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <memory>

#include "cpp/media/files.hpp"
#include "cpp/sources/network/decoding/film.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "sources/network/decoding/decoding_mode.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

class FullDecodingTest : public testing::Test {
 protected:
  static Film make_film(const Folder& folder) {
    write_video(folder.file("a.mkv"), 30, {.codec = "mpeg4", .options = {{"g", "20"}, {"bf", "0"}}});
    return film_of(folder.file("a.mkv"));
  }
  [[nodiscard]] bool replays(std::size_t n, bool at_rest) const {
    return mode_->replays(*film_.packets[n], arrived_packet(film_, n), at_rest);
  }
  void leave_out(std::size_t n, bool is_kept = true) const {
    auto arrived = arrived_packet(film_, n);
    arrived.is_kept = is_kept;
    mode_->leave_out(*film_.packets[n], arrived);
  }

  const Folder folder_;
  const Film film_ = make_film(folder_);
  const std::unique_ptr<DecodingMode> mode_ = make_full_decoding();
};

TEST_F(FullDecodingTest, ReplaysTheGroupToADecoderThatStartsLate) {
  for (std::size_t n = 0; n < 5; ++n) leave_out(n);
  ASSERT_TRUE(replays(5, true));
  std::size_t replayed = 0;
  while (const auto item = mode_->group().next()) {
    EXPECT_EQ(item->packet->pts, film_.packets[replayed]->pts);
    ++replayed;
  }
  EXPECT_EQ(replayed, 6U);
  EXPECT_FALSE(replays(6, false)) << "the decoder has received packet 5";
}

TEST_F(FullDecodingTest, ReplaysNothingToADecoderThatStartsWithAKeyframe) {
  for (std::size_t n = 0; n < 20; ++n) leave_out(n);
  EXPECT_FALSE(replays(20, true));
}

TEST_F(FullDecodingTest, ForgetsTheGroupWhileNoDecoderIsExpected) {
  for (std::size_t n = 0; n < 5; ++n) leave_out(n);
  leave_out(5, false);
  EXPECT_FALSE(replays(6, true));
}

TEST_F(FullDecodingTest, MustBeginBeforeTheGroupIsTooLong) {
  leave_out(0);
  for (std::size_t n = 1; n < Group::kMostPackets; ++n) {
    EXPECT_FALSE(mode_->must_begin()) << n;
    leave_out(1);
  }
  EXPECT_TRUE(mode_->must_begin());
}

TEST_F(FullDecodingTest, DecodesEveryPacketAndRestartsAfterARest) {
  Dictionary none;
  Decoder decoder(*film_.codec, film_.time_base, {.low_delay = true}, none);
  const auto frame = make_av_frame();
  const auto count = [&] {
    int frames = 0;
    while (mode_->receive(decoder, *frame) == Decoder::Result::Frame) ++frames;
    return frames;
  };
  const auto send = [&](std::size_t n) {
    const AvPacketPtr packet(av_packet_clone(film_.packets[n].get()));
    return mode_->send(decoder, *packet, arrived_packet(film_, n), film_time(n));
  };
  int frames = 0;
  for (std::size_t n = 0; n < 10; ++n) {
    EXPECT_EQ(send(n), true);
    frames += count();
  }
  EXPECT_EQ(frames, 10);
  mode_->begin();
  mode_->rest(decoder);
  EXPECT_EQ(send(20), true);
  EXPECT_EQ(count(), 1);
  mode_->finish(decoder);
  EXPECT_EQ(mode_->receive(decoder, *frame), Decoder::Result::End);
}

TEST_F(FullDecodingTest, NeverSleeps) {
  mode_->wake(1, 1);
  EXPECT_FALSE(mode_->is_asleep());
  EXPECT_FALSE(mode_->counts_on_arrival());
  EXPECT_TRUE(mode_->expects_frames());
}

}  // namespace
}  // namespace freshframe::test
