// The packet output of a source, and the nodes that take it one after the other.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

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

}  // namespace
}  // namespace freshframe::test
