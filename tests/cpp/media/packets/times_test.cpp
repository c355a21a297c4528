// Decoding timestamps, and which packets containers can hold.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "media/packets/containers.hpp"
#include "media/packets/packet_completion.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using media::DecodeTimes;

std::vector<double> decoded(int depth, const std::vector<double>& shown) {
  DecodeTimes times(depth, 1);
  std::vector<double> result;
  for (const double pts : shown) result.push_back(times.next(pts));
  return result;
}

TEST(DecodeTimes, WithoutReorderingAreThoseOfThePictures) {
  EXPECT_EQ(decoded(0, {7, 8, 9, 12}), (std::vector<double>{7, 8, 9, 12}));
}

TEST(DecodeTimes, AreTheSortedTimesOfThePictures) {
  EXPECT_EQ(decoded(2, {10, 14, 12, 11, 13, 18, 16, 15, 17}),
            (std::vector<double>{8, 9, 10, 11, 12, 13, 14, 15, 16}));
}

TEST(DecodeTimes, RiseAndAreNeverBehindThePicture) {
  const std::vector<double> shown{10, 14, 12, 11, 13, 18, 16, 15, 17, 17, 19, 30, 25, 22};
  const auto times = decoded(2, shown);
  EXPECT_TRUE(std::ranges::is_sorted(times, std::less_equal<>()));
  for (std::size_t i = 0; i < shown.size(); ++i) EXPECT_LE(times[i], shown[i]) << i;
}

TEST(PacketContainers, HoldWhatPlayersShow) {
  const auto holds = [](const char* name, AVCodecID codec) {
    return media::holds_packets(*av_guess_format(nullptr, name, nullptr), codec);
  };
  EXPECT_TRUE(holds("a.mp4", AV_CODEC_ID_HEVC));
  EXPECT_FALSE(holds("a.mp4", AV_CODEC_ID_VP8));
  EXPECT_FALSE(holds("a.ts", AV_CODEC_ID_VP9));
  EXPECT_FALSE(holds("a.ts", AV_CODEC_ID_MJPEG));
  EXPECT_TRUE(holds("a.mkv", AV_CODEC_ID_MJPEG));
  EXPECT_FALSE(holds("a.avi", AV_CODEC_ID_H264));
  EXPECT_EQ(media::list_containers(AV_CODEC_ID_VP9), ".mp4, .mkv, .webm");
}

}  // namespace
}  // namespace freshframe::test
