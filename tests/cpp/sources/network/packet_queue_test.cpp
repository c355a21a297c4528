// The queue of packets that were read ahead.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <stop_token>
#include <thread>

#include "cpp/support.hpp"
#include "sources/network/input/packet_reader.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using media::PacketQueue;
using media::ReadPacket;

ReadPacket packet_of(int bytes, double time) {
  ReadPacket read{
      .packet = media::make_av_packet(), .time = time, .arrived = std::chrono::steady_clock::now()};
  if (av_new_packet(read.packet.get(), bytes) < 0) throw std::bad_alloc();
  return read;
}

TimePoint soon() {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
}

TimePoint never() {
  return std::chrono::steady_clock::now() + std::chrono::hours(1);
}

TEST(PacketQueue, GivesPacketsInTheirOrderAndAtTheirDistances) {
  PacketQueue queue;
  EXPECT_FALSE(queue.pop(soon(), {}).has_value());
  for (int n = 0; n < 3; ++n) EXPECT_TRUE(queue.push(packet_of(10, 100 + n * 0.04)));
  EXPECT_TRUE(queue.push({.result = AVERROR_EOF}));
  const auto first = queue.pop(never(), {});
  const auto second = queue.pop(never(), {});
  const auto third = queue.pop(never(), {});
  ASSERT_TRUE(first && second && third);
  EXPECT_NEAR(Seconds(second->due - first->due).count(), 0.04, 1e-6);
  EXPECT_NEAR(Seconds(third->due - first->due).count(), 0.08, 1e-6);
  EXPECT_EQ(queue.pop(never(), {})->result, AVERROR_EOF);
}

TEST(PacketQueue, ABurstIsDueAtOnceAndLastsForItsTime) {
  PacketQueue queue(Pace::Burst);
  for (int n = 0; n < 3; ++n) EXPECT_TRUE(queue.push(packet_of(10, 100 + n * 0.04)));
  const auto first = queue.pop(never(), {});
  const auto second = queue.pop(never(), {});
  const auto third = queue.pop(never(), {});
  ASSERT_TRUE(first && second && third);
  for (const auto* read : {&*first, &*second, &*third}) EXPECT_EQ(read->due, TimePoint{});
  EXPECT_EQ(first->lasts_until, first->arrived);
  EXPECT_NEAR(Seconds(third->lasts_until - first->arrived).count(), 0.08, 1e-6);
}

TEST(PacketQueue, APacketIsLateByTheTimeForWhichItWaitsAfterItIsDue) {
  for (const auto pace : {Pace::Even, Pace::Burst}) {
    PacketQueue queue(pace);
    for (const double time : {100., 100.01, 200.}) EXPECT_TRUE(queue.push(packet_of(10, time)));
    EXPECT_LT(queue.pop(never(), {})->late, 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    EXPECT_GE(queue.pop(never(), {})->late, 0.05);
    auto early = packet_of(10, 200.5);
    early.arrived += std::chrono::hours(1);  // not due yet
    EXPECT_TRUE(queue.push(std::move(early)));
    static_cast<void>(queue.pop(never(), {}));
    EXPECT_EQ(queue.pop(never(), {})->late, 0);
  }
}

TEST(PacketQueue, AStopEndsTheWaitForAPacket) {
  PacketQueue queue;
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(queue.pop(never(), stop.get_token()).has_value());
  stopper.join();
}

TEST(PacketQueue, IsBoundedAndItsEndEndsTheReader) {
  PacketQueue queue;
  std::atomic<int> pushed{0};
  std::atomic<bool> ended{false};
  std::thread reader([&] {
    while (queue.push(packet_of(16 << 20, 0))) ++pushed;
    ended = true;
  });
  wait_until([&] { return pushed == 4; });  // 64 MiB
  EXPECT_TRUE(queue.pop(never(), {}).has_value());
  wait_until([&] { return pushed == 5; });
  EXPECT_FALSE(ended);
  queue.close();
  reader.join();
}

}  // namespace
}  // namespace freshframe::test
