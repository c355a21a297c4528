// The timestamps of packets in a muxer's ticks.
// SPDX-License-Identifier: Apache-2.0
#include "media/packets/packet_ticks.hpp"

#include "freshframe/error.hpp"

#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

Packet packet_at(double pts, double dts, double duration) {
  Packet packet;
  packet.pts = pts;
  packet.dts = dts;
  packet.duration = duration;
  return packet;
}

TEST(PacketTimes, AreNumbersOfSeconds) {
  EXPECT_NO_THROW(check_packet_times(packet_at(0, 0, 0), "write"));
  EXPECT_NO_THROW(check_packet_times(packet_at(1.8e9, 1.8e9 - 1, 0.04), "write"));
  EXPECT_NO_THROW(check_packet_times(packet_at(-1, -2, 0.04), "write"));
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double wrong : {kNan, -kNan, kInfinity, -kInfinity, 1e300, -1e13}) {
    EXPECT_THROW(check_packet_times(packet_at(wrong, 0, 0), "write"), Error) << wrong;
    EXPECT_THROW(check_packet_times(packet_at(0, wrong, 0), "write"), Error) << wrong;
    EXPECT_THROW(check_packet_times(packet_at(0, 0, wrong), "write"), Error) << wrong;
  }
  try {
    check_packet_times(packet_at(kNan, 0, 0), "write to 'a.mp4'");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(
        std::string(error.what()),
        "cannot write to 'a.mp4': a packet has pts nan s, dts 0 s and duration 0 s; expected at most 1e12 s for each");
  }
}

}  // namespace
}  // namespace freshframe::test
