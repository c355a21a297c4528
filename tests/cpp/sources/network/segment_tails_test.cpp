// Transport stream segments: which additional packet makes a demuxer return the last frame.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/filter/segment_tails.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::media::test {
namespace {

constexpr int kVideo = 0x100;

std::vector<std::uint8_t> make_packet(int pid, std::uint8_t counter, bool starts,
                                      std::uint8_t stream = 0xE0) {
  std::vector<std::uint8_t> bytes(kTsPacketSize, 0xFF);
  bytes[0] = kTsSync;
  bytes[1] = static_cast<std::uint8_t>((starts ? 0x40 : 0) | pid >> 8);
  bytes[2] = static_cast<std::uint8_t>(pid & 255);
  bytes[3] = static_cast<std::uint8_t>(0x10 | counter);
  if (starts) {
    bytes[4] = bytes[5] = 0;
    bytes[6] = 1;
    bytes[7] = stream;
  }
  return bytes;
}

TsTail tail_of(const std::vector<std::vector<std::uint8_t>>& packets, std::size_t step = 100) {
  std::vector<std::uint8_t> all;
  for (const auto& packet : packets) all.insert(all.end(), packet.begin(), packet.end());
  TsTail tail;
  for (std::size_t at = 0; at < all.size(); at += step)
    tail.add(Bytes(all).subspan(at, std::min(step, all.size() - at)));
  return tail;
}

TEST(SegmentTail, BeginsAnotherPictureOfTheVideo) {
  const auto tail = tail_of(
      {make_packet(kVideo, 3, true), make_packet(0x101, 0, true, 0xC0), make_packet(kVideo, 4, false)});
  EXPECT_EQ(tail.video(), kVideo);
  const auto end = tail.end();
  ASSERT_EQ(end.size(), kTsPacketSize);
  const auto packet = parse_ts_packet(end);
  EXPECT_EQ(packet.pid, kVideo);
  EXPECT_TRUE(packet.starts);
  EXPECT_EQ(packet.counter, 4);
}

TEST(SegmentTail, IsEmptyWithoutAWholeTransportStreamWithVideo) {
  EXPECT_TRUE(TsTail().end().empty());
  EXPECT_TRUE(tail_of({make_packet(0x101, 0, true, 0xC0)}).end().empty()) << "sound alone";
  EXPECT_TRUE(tail_of({{'#', 'E', 'X', 'T'}}).end().empty());
  EXPECT_TRUE(tail_of({make_packet(kVideo, 0, true), {kTsSync, 1, 2}}).end().empty()) << "cut in a packet";
  auto other = make_packet(kVideo, 1, false);
  other[0] = 0;
  EXPECT_TRUE(tail_of({make_packet(kVideo, 0, true), other}).end().empty()) << "out of step";
}

TEST(SegmentTail, DetectsSegmentsThatBeginWithinAnImage) {
  EXPECT_FALSE(tail_of({make_packet(kVideo, 0, true), make_packet(kVideo, 1, false)}).goes_on(kVideo));
  EXPECT_TRUE(tail_of({make_packet(kVideo, 0, false), make_packet(kVideo, 1, true)}).goes_on(kVideo));
  EXPECT_FALSE(tail_of({make_packet(0x101, 0, false, 0xC0), make_packet(kVideo, 1, true)}).goes_on(kVideo));
}

}  // namespace
}  // namespace freshframe::media::test
