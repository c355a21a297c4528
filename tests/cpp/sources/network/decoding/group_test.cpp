// The packets since the last keyframe: which are replayed, and which are no longer kept.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/decoding/group.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using media::Group;

/// Adds numbered packets to a group. The packet that starts a replay gets a number too.
class Packets {
 public:
  void add(Group& group, bool key, int bytes = 100) {
    const auto packet = numbered(bytes);
    group.add(*packet, {.can_begin = key, .missing = 3, .dropped = 2}, {}, false);
  }
  /// Returns the numbers of the replayed packets.
  std::vector<std::int64_t> replay(Group& group) {
    const auto packet = numbered(1);
    std::vector<std::int64_t> numbers;
    if (!group.replay(*packet, {.missing = 1}, {}, false)) return numbers;
    while (const auto item = group.next()) {
      numbers.push_back(item->packet->pts);
      EXPECT_EQ(item->notes.missing + item->notes.dropped, 0U) << "they are counted where they are missed";
    }
    return numbers;
  }

 private:
  media::AvPacketPtr numbered(int bytes) {
    auto packet = media::make_av_packet();
    if (av_new_packet(packet.get(), bytes) != 0) throw std::bad_alloc();
    packet->pts = number_++;
    return packet;
  }

  std::int64_t number_ = 0;
};

using Numbers = std::vector<std::int64_t>;

TEST(Group, IsReplayedFromTheLastKeyPictureAsOftenAsItIsWanted) {
  Group group;
  Packets packets;
  packets.add(group, false);
  EXPECT_EQ(packets.replay(group), Numbers()) << "decoding cannot begin";
  packets.add(group, true);
  packets.add(group, false);
  EXPECT_EQ(packets.replay(group), (Numbers{2, 3, 4}));
  packets.add(group, false);
  EXPECT_EQ(packets.replay(group), (Numbers{2, 3, 5, 6}));
  packets.add(group, true);
  EXPECT_EQ(packets.replay(group), (Numbers{7, 8}));
  group.clear();
  EXPECT_EQ(packets.replay(group), Numbers());
}

TEST(Group, ThatIsFullIsReplayedOnceAndKeepsNothingUpToTheNextKeyPicture) {
  for (const bool by_bytes : {false, true}) {
    Group group;
    Packets packets;
    packets.add(group, true);
    const std::size_t more = by_bytes ? 16 : Group::kMostPackets - 1;
    for (std::size_t i = 0; i < more; ++i) {
      EXPECT_FALSE(group.is_full());
      packets.add(group, false, by_bytes ? 1 << 20 : 1);
    }
    EXPECT_TRUE(group.is_full());
    packets.add(group, false);
    EXPECT_EQ(packets.replay(group).size(), more + 2);
    packets.add(group, false);
    EXPECT_EQ(packets.replay(group), Numbers());
    EXPECT_TRUE(group.is_full());
    packets.add(group, true);
    EXPECT_FALSE(group.is_full());
    EXPECT_EQ(packets.replay(group).size(), 2U);
  }
}

}  // namespace
}  // namespace freshframe::test
