// The packet output of a source, and the nodes that take it one after the other.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <memory>
#include <utility>

#include "cpp/media/files.hpp"
#include "media/packets/packet_output.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(PacketOutput, HasANodeAtATimeAndALaterOneOnceThatHasClosed) {
  media::PacketOutput output;
  const auto first = output.node("cam", true);
  EXPECT_THROW(static_cast<void>(output.node("cam", true)), GraphError);
  first->close();
  EXPECT_NO_THROW(static_cast<void>(output.node("cam", true)));
  output.close();
  EXPECT_NO_THROW(static_cast<void>(output.node("cam", true)));
}

TEST(PacketSource, CountsPacketsThatItDidNotReadInTimeAsItsOwnAndNotAsLostOnTheNetwork) {
  const auto tap = std::make_shared<media::PacketTap>();
  media::PacketSource source(tap, true);
  const auto put = [&](double dts, bool is_keyframe) {
    media::PacketCompletion::Completed item;
    item.packet.pts = item.packet.dts = dts;
    item.packet.is_keyframe = is_keyframe;
    tap->put(std::move(item));
  };
  for (const double dts : {0., 1., 2., 1. + media::PacketTap::kMostSeconds}) put(dts, dts == 0.);
  put(2. + media::PacketTap::kMostSeconds, true);
  Hand hand;
  const auto item = source.read(hand.context());
  ASSERT_TRUE(item);
  EXPECT_EQ(item->pts, 2. + media::PacketTap::kMostSeconds);
  EXPECT_EQ(hand.counters.drops(NodeDropCause::Device), 4U);
  EXPECT_EQ(hand.counters.drops(NodeDropCause::Lost), 0U);
}

}  // namespace
}  // namespace freshframe::test
