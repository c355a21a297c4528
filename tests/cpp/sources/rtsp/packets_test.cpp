// RTP and RTCP packets: headers, order, losses, and reports.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sources/rtsp/packets/packet_order.hpp"
#include "sources/rtsp/packets/rtcp.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

using Data = std::vector<std::uint8_t>;

TimePoint at_second(double seconds) {
  return TimePoint{} + to_duration(Seconds(seconds));
}

TEST(Rtp, ReadsAPacketWithEverythingInItsHeader) {
  const Data bytes{
      0xB1, 0xE0, 0x12, 0x34, 0, 0, 0, 5, 0,    0,    0, 7, 1, 2, 3, 4,  // one contributing source
      0xBE, 0xDE, 0,    1,    9, 9, 9, 9, 0xAA, 0xBB, 0, 2};             // an extension, two bytes of padding
  const auto packet = parse_rtp(bytes);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->sequence, 0x1234);
  EXPECT_EQ(packet->timestamp, 5);
  EXPECT_EQ(packet->source, 7);
  EXPECT_EQ(packet->payload_type, 96);
  EXPECT_TRUE(packet->marker);
  EXPECT_EQ(Data(packet->payload.begin(), packet->payload.end()), (Data{0xAA, 0xBB}));
  Data plain{1, 2, 3};
  write_plain_rtp(*packet, 3, plain);
  EXPECT_EQ(plain, (Data{0x80, 0xE0, 0, 3, 0, 0, 0, 5, 0, 0, 0, 7, 0xAA, 0xBB}));
}

TEST(Rtp, RefusesHeadersThatAreLongerThanThePacket) {
  const Data good{0x80, 96, 0, 1, 0, 0, 0, 5, 0, 0, 0, 7};
  EXPECT_TRUE(parse_rtp(good));
  EXPECT_FALSE(parse_rtp(Bytes(good).first(11)));
  for (const int first : {0x40, 0x81, 0x90}) {  // version 1, a contributing source, an extension
    auto bad = good;
    bad[0] = static_cast<std::uint8_t>(first);
    EXPECT_FALSE(parse_rtp(bad)) << first;
  }
  auto extended = good;
  extended[0] = 0x90;
  extended.insert(extended.end(), {0xBE, 0xDE, 0xFF, 0xFF, 1, 2});
  EXPECT_FALSE(parse_rtp(extended));
  auto padded = good;
  padded[0] = 0xA0;
  padded.push_back(2);
  EXPECT_FALSE(parse_rtp(padded));
}

/// Returns the numbers of the packets that are ready, each with a '!' for every packet lost before it.
std::string taken(PacketOrder& order, double now) {
  std::string text;
  while (const auto packet = order.take(at_second(now))) {
    text += (text.empty() ? "" : " ") + std::to_string(packet->bytes.at(0)) + std::string(packet->lost, '!');
  }
  return text;
}

void add(PacketOrder& order, int sequence, double now, std::uint32_t source = 7) {
  const Data bytes{static_cast<std::uint8_t>(sequence)};
  order.add(bytes, static_cast<std::uint16_t>(sequence), source, at_second(now));
}

TEST(PacketOrder, GivesPacketsInOrderAndCountsGapsAtOnceOverTcp) {
  PacketOrder order(false);
  for (const int sequence : {65534, 65535, 0, 3}) add(order, sequence, 1);
  EXPECT_EQ(taken(order, 1), "254 255 0 3!!");
  EXPECT_EQ(order.counts().lost, 2);
  EXPECT_EQ(order.counts().received, 4);
  EXPECT_EQ(order.highest(), 0x10003);
  EXPECT_FALSE(order.due());
}

TEST(PacketOrder, PassesWhatIsNextAndNothingElse) {
  PacketOrder order(true);
  const auto pass = [&](int sequence, double now, std::uint32_t source = 7) {
    return order.pass(static_cast<std::uint16_t>(sequence), source, at_second(now));
  };
  EXPECT_EQ(pass(65534, 0), std::nullopt);  // the source is not known yet
  add(order, 65534, 0);
  EXPECT_EQ(pass(65535, 0), std::nullopt);  // 65534 is still queued
  EXPECT_EQ(taken(order, 0), "254");
  EXPECT_EQ(pass(65535, 0), 0);
  EXPECT_EQ(pass(0, 0), 0);
  EXPECT_EQ(pass(0, 0), std::nullopt);
  EXPECT_EQ(pass(2, 0), std::nullopt);
  EXPECT_EQ(pass(1, 0, 8), std::nullopt);
  EXPECT_FALSE(order.due());
  add(order, 2, 0);
  EXPECT_EQ(taken(order, 1), "2!");
  EXPECT_EQ(pass(3, 1), 0);
  EXPECT_EQ(order.counts().received, 5);
  EXPECT_EQ(order.counts().lost, 1);
  EXPECT_EQ(order.highest(), 0x10003);
}

TEST(PacketOrder, WaitsForAMissingPacketOverUdp) {
  PacketOrder order(true);
  add(order, 1, 0);
  EXPECT_EQ(taken(order, 0), "1");
  add(order, 3, 0.001);
  add(order, 4, 0.002);
  EXPECT_EQ(taken(order, 0.005), "");
  EXPECT_EQ(order.due(), at_second(0.011));
  add(order, 2, 0.006);
  EXPECT_EQ(taken(order, 0.006), "2 3 4");
  EXPECT_EQ(order.counts().lost, 0);
  EXPECT_EQ(order.counts().late, 0);
}

TEST(PacketOrder, GivesAMissingPacketUpAndWaitsLongerIfItComesLate) {
  PacketOrder order(true);
  add(order, 1, 0);
  add(order, 3, 0);
  EXPECT_EQ(taken(order, 0.009), "1");
  EXPECT_EQ(taken(order, 0.011), "3!");
  EXPECT_EQ(order.counts().lost, 1);
  add(order, 2, 0.04);
  EXPECT_EQ(taken(order, 0.04), "") << "its turn is over";
  EXPECT_EQ(order.counts().lost, 0);
  EXPECT_EQ(order.counts().late, 1);
  EXPECT_EQ(order.counts().received, 3);
  add(order, 5, 1);
  EXPECT_EQ(taken(order, 1.04), "");
  EXPECT_EQ(taken(order, 1.06), "5!");
  // After a while without late packets, the wait becomes shorter.
  add(order, 6, 40);
  add(order, 8, 40);
  EXPECT_EQ(taken(order, 40), "6");
  EXPECT_EQ(taken(order, 40.03), "8!");
}

TEST(PacketOrder, NeverWaitsLongerThanItsLimits) {
  PacketOrder order(true);
  add(order, 1, 0);
  add(order, 3, 0);
  EXPECT_EQ(taken(order, 0.02), "1 3!");
  add(order, 2, 3);  // three seconds late
  add(order, 5, 4);
  EXPECT_EQ(taken(order, 4.19), "");
  EXPECT_EQ(taken(order, 4.21), "5!");
  for (int i = 0; i < 2800; ++i) add(order, 7 + i, 5);
  EXPECT_EQ(taken(order, 5), "");
  const Data large(65000);
  for (int i = 2800; i < 2999; ++i) order.add(large, static_cast<std::uint16_t>(7 + i), 7, at_second(5));
  EXPECT_NE(taken(order, 5), "") << "8 MiB wait";
}

TEST(PacketOrder, LeavesDuplicatesOut) {
  PacketOrder order(true);
  for (const int sequence : {1, 1, 2, 1, 2}) add(order, sequence, 0);
  EXPECT_EQ(taken(order, 0), "1 2");
  EXPECT_EQ(order.counts().received, 2);
  EXPECT_EQ(order.counts().late, 0);
}

TEST(PacketOrder, BeginsAgainWithAnotherSourceAndAfterALargeStep) {
  PacketOrder order(false);
  add(order, 1, 0);
  EXPECT_EQ(taken(order, 0), "1");
  add(order, 200, 0, 8);
  EXPECT_EQ(taken(order, 0), "200!");
  add(order, 20000, 0, 8);
  EXPECT_EQ(taken(order, 0), "32!");
  EXPECT_EQ(order.counts().lost, 0) << "not known";
}

TEST(Rtcp, ReadsTheSendersClock) {
  Data bytes{0x80, 200, 0, 6, 0, 0, 0, 7};
  append_u32(bytes, 3'913'056'000);  // 2024-01-01
  append_u32(bytes, 0x80000000);
  append_u32(bytes, 90000);
  append_u32(bytes, 1);
  append_u32(bytes, 2);
  bytes.insert(bytes.end(), {0x81, 203, 0, 1, 0, 0, 0, 7});
  const auto report = parse_rtcp(bytes);
  ASSERT_TRUE(report.sender);
  EXPECT_EQ(report.sender->source, 7);
  EXPECT_EQ(report.sender->timestamp, 90000);
  EXPECT_EQ(report.sender->time, (3'913'056'000 & 0xFFFF) << 16U | 0x8000);
  EXPECT_DOUBLE_EQ(report.sender->wall_time.value_or(0), 1'704'067'200.5);
  EXPECT_EQ(report.goodbyes, (std::vector<std::uint32_t>{7}));
  bytes[8] = 0;  // a camera whose clock was never set
  EXPECT_FALSE(parse_rtcp(bytes).sender->wall_time);
}

TEST(Rtcp, IgnoresTruncatedReports) {
  const Data report{0x80, 200, 0, 6, 0, 0, 0, 7};
  EXPECT_FALSE(parse_rtcp(report).sender);
  EXPECT_FALSE(parse_rtcp(Data{0x80, 200, 0, 1, 0, 0, 0, 7}).sender);
  EXPECT_TRUE(parse_rtcp(Data{0x9F, 203, 0, 1, 0, 0, 0, 9}).goodbyes == std::vector<std::uint32_t>{9});
  EXPECT_TRUE(parse_rtcp(Data{0x40, 203, 0, 1, 0, 0, 0, 9}).goodbyes.empty());
}

TEST(Rtcp, ReportsWhatWasReceived) {
  PacketOrder order(false);
  Reception reception(90000);
  for (const int sequence : {1, 2, 4}) {
    add(order, sequence, 0);
    static_cast<void>(taken(order, 0));
  }
  reception.note_report({.source = 7, .time = 0xABCD1234, .timestamp = 0, .wall_time = {}}, at_second(1));
  const auto bytes = reception.report(order, at_second(3));
  ASSERT_GE(bytes.size(), 32);
  EXPECT_EQ(bytes.size() % 4, 0);
  EXPECT_EQ(bytes[1], 201);
  EXPECT_EQ(read_u32(bytes, 8), 7);
  EXPECT_EQ(bytes[12], 64) << "a quarter was lost";
  EXPECT_EQ(read_u32(bytes, 12) & 0xFFFFFF, 1);
  EXPECT_EQ(read_u32(bytes, 16), 4);
  EXPECT_EQ(read_u32(bytes, 24), 0xABCD1234);
  EXPECT_EQ(read_u32(bytes, 28), 2 * 65536);
  EXPECT_EQ(bytes[33], 202);
  EXPECT_EQ(bytes.size(), 32 + 4 + 4 * std::size_t{read_u16(bytes, 34)});
  EXPECT_EQ(bytes.back(), 0);
  EXPECT_EQ(reception.report(order, at_second(3))[12], 0) << "nothing since the last report";
}

TEST(Rtcp, AppendsAPictureLossIndication) {
  PacketOrder order(false);
  add(order, 1, 0);
  Reception reception(90000);
  auto bytes = reception.report(order, at_second(3));
  const auto size = bytes.size();
  reception.append_loss(order, bytes);
  ASSERT_EQ(bytes.size(), size + 12);
  EXPECT_EQ(bytes[size], 0x81) << "RFC 4585, section 6.3.1: PLI";
  EXPECT_EQ(bytes[size + 1], 206);
  EXPECT_EQ(read_u16(bytes, size + 2), 2);
  EXPECT_EQ(read_u32(bytes, size + 4), read_u32(bytes, 4)) << "the sender of the PLI";
  EXPECT_EQ(read_u32(bytes, size + 8), 7) << "of which stream";
}

TEST(Rtcp, MeasuresJitter) {
  Reception even(90000);
  Reception uneven(90000);
  for (int i = 0; i < 200; ++i) {
    even.note_packet(static_cast<std::uint32_t>(i) * 3000U, at_second(i / 30.0));
    uneven.note_packet(static_cast<std::uint32_t>(i) * 3000U, at_second(i / 30.0 + (i % 2) * 0.01));
  }
  EXPECT_NEAR(even.jitter(), 0, 1e-6);
  EXPECT_NEAR(uneven.jitter(), 0.01, 1e-3);
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
