// The reordering depth according to H.264's header.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/read/h264_order.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::media {
namespace {

// Configuration records of x264, without B-frames and with them.
constexpr std::string_view kInOrder =
    "01640020ffe1001767640020acb602802dd080000003008000003c078c197001000568eaccb22cfdf8f800";
constexpr std::string_view kReordered =
    "01640020ffe1001867640020acd9405005ba10000003001000000780f183196001000568eaecb22cfdf8f800";

std::vector<std::uint8_t> bytes(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::vector<std::uint8_t> result;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    result.push_back(static_cast<std::uint8_t>(16 * digit(hex[i]) + digit(hex[i + 1])));
  return result;
}

TEST(H264Order, IsReadFromTheBitstreamRestriction) {
  EXPECT_EQ(h264_reordered_frames(bytes(kInOrder)), 0);
  EXPECT_EQ(h264_reordered_frames(bytes(kReordered)), 2);
}

TEST(H264Order, WithoutThatPartTheHeaderDoesNotTell) {
  // Baseline, level 3.0, 320x240: log2_max_frame_num 4, order count type 2, one reference, 20 x 15
  // macroblocks, frames only, no cropping, no VUI.
  EXPECT_EQ(h264_reordered_frames(bytes("0142c01effe100086742c01eda0507c401000468ce3c80")), std::nullopt);
}

TEST(H264Order, SeveralSetsDoNotTell) {
  auto two = bytes(kInOrder);
  two[5] = 0xE2;
  EXPECT_EQ(h264_reordered_frames(two), std::nullopt);
}

TEST(H264Order, IsUnknownForTruncatedData) {
  const auto whole = bytes(kReordered);
  const std::size_t set = 8 + whole[7];
  for (std::size_t size = 0; size < set; ++size) {
    EXPECT_EQ(h264_reordered_frames({whole.data(), size}), std::nullopt) << size;
    if (size <= 8) continue;
    auto shortened = std::vector(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    shortened[7] = static_cast<std::uint8_t>(size - 8);
    EXPECT_EQ(h264_reordered_frames(shortened), std::nullopt) << size;
  }
}

TEST(H264Order, NoBytesAreTooMuchForIt) {
  auto damaged = bytes(kInOrder);
  for (std::size_t i = 0; i < damaged.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      damaged[i] ^= static_cast<std::uint8_t>(1 << bit);
      static_cast<void>(h264_reordered_frames(damaged));
      damaged[i] ^= static_cast<std::uint8_t>(1 << bit);
    }
  }
  EXPECT_EQ(h264_reordered_frames(std::vector<std::uint8_t>(64, 0)), std::nullopt);
  EXPECT_EQ(h264_reordered_frames(std::vector<std::uint8_t>(64, 0xFF)), std::nullopt);
}

}  // namespace
}  // namespace freshframe::media
