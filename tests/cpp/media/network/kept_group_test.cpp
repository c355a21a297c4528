// The packets since the last key picture: what is replayed, and what is no longer kept.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/stream/kept_group.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "media/ffmpeg/error.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using media::KeptGroup;

/// Numbers the packets that it adds.
class Packets {
 public:
  void add(KeptGroup& group, bool key, int bytes = 100) {
    const auto packet = media::make_av_packet();
    ASSERT_EQ(av_new_packet(packet.get(), bytes), 0);
    packet->pts = number_++;
    group.add(*packet, {.can_begin = key, .missing = 3, .dropped = 2}, {}, false);
  }

 private:
  std::int64_t number_ = 0;
};

std::vector<std::int64_t> replayed(KeptGroup& group) {
  std::vector<std::int64_t> numbers;
  EXPECT_TRUE(group.replay());
  while (const auto item = group.next()) {
    numbers.push_back(item->packet->pts);
    EXPECT_EQ(item->notes.missing + item->notes.dropped, 0U) << "they are counted where they are missed";
  }
  return numbers;
}

using Numbers = std::vector<std::int64_t>;

TEST(KeptGroup, IsReplayedFromTheLastKeyPictureAsOftenAsItIsWanted) {
  KeptGroup group;
  Packets packets;
  packets.add(group, false);
  EXPECT_FALSE(group.replay()) << "decoding cannot begin";
  packets.add(group, true);
  packets.add(group, false);
  EXPECT_EQ(replayed(group), (Numbers{1, 2}));
  packets.add(group, false);
  EXPECT_EQ(replayed(group), (Numbers{1, 2, 3}));
  packets.add(group, true);
  EXPECT_EQ(replayed(group), (Numbers{4}));
}

TEST(KeptGroup, GrowsDuringAReplayWithoutJoiningIt) {
  KeptGroup group;
  Packets packets;
  packets.add(group, true);
  ASSERT_TRUE(group.replay());
  packets.add(group, true);
  EXPECT_EQ(group.next()->packet->pts, 0);
  EXPECT_FALSE(group.replays());
  EXPECT_EQ(replayed(group), (Numbers{1}));
  ASSERT_TRUE(group.replay());
  group.clear();
  EXPECT_FALSE(group.next());
  EXPECT_FALSE(group.replay());
}

TEST(KeptGroup, IsForgottenWhereItIsTooMuchUpToTheNextKeyPicture) {
  for (const bool by_bytes : {false, true}) {
    KeptGroup group;
    Packets packets;
    packets.add(group, true);
    const std::size_t more = by_bytes ? 16 : KeptGroup::kMostPackets;
    for (std::size_t i = 0; i < more; ++i) packets.add(group, false, by_bytes ? 1 << 20 : 1);
    packets.add(group, false);
    EXPECT_FALSE(group.replay()) << by_bytes;
    packets.add(group, true);
    EXPECT_EQ(replayed(group).size(), 1U);
  }
}

}  // namespace
}  // namespace freshframe::test
