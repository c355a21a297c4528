// The feed between the server and a source: order, acknowledgements, take-over, limits, and threads.
// SPDX-License-Identifier: Apache-2.0
#include "core/watch/feed.hpp"

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using core::CameraFeed;
using core::FeedCodec;
using core::FeedPacket;

TimePoint feed_time(double seconds) {
  return TimePoint{} + to_duration(Seconds(seconds));
}

FeedPacket fed(std::uint32_t number, std::uint64_t skipped = 0, std::size_t size = 1) {
  FeedPacket packet;
  packet.bytes.assign(size, std::uint8_t{7});
  packet.number = number;
  packet.skipped = skipped;
  packet.arrived = feed_time(number);
  return packet;
}

/// A feed with a sender that has declared its camera.
struct FedCamera {
  CameraFeed feed{"front", {}};
  std::uint64_t sender = feed.connect();

  FedCamera() { feed.declare(sender, {.codec = FeedCodec::Vp8, .width = 64, .height = 48}); }

  [[nodiscard]] bool put(FeedPacket packet) { return feed.put(sender, std::move(packet)); }

  [[nodiscard]] CameraFeed::Stream stream() const { return {.sender = sender, .codec = FeedCodec::Vp8}; }
  [[nodiscard]] bool waits() { return feed.wait_packet(TimePoint{}, {}); }
};

TEST(CameraFeed, GivesPacketsInOrderAndAcknowledgesEachWhenItIsTaken) {
  FedCamera camera;
  ASSERT_TRUE(camera.put(fed(1)));
  ASSERT_TRUE(camera.put(fed(2)));
  EXPECT_TRUE(camera.feed.take_news().acks.empty());
  EXPECT_EQ(camera.feed.stream(), camera.stream());
  const auto first = camera.feed.take(camera.stream(), feed_time(1.5));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->packet.number, 1U);
  EXPECT_EQ(first->camera.width, 64);
  const auto news = camera.feed.take_news();
  ASSERT_EQ(news.acks.size(), 1U);
  EXPECT_EQ(news.acks[0].number, 1U);
  EXPECT_FALSE(news.acks[0].key);
  EXPECT_NEAR(news.acks[0].waited, 0.5, 1e-9);
  EXPECT_EQ(camera.feed.take(camera.stream(), feed_time(2))->packet.number, 2U);
  EXPECT_FALSE(camera.feed.take(camera.stream(), feed_time(2)));
}

TEST(CameraFeed, CountsMissingAndSkippedFramesOnce) {
  FedCamera camera;
  ASSERT_TRUE(camera.put(fed(5, 3)));
  ASSERT_TRUE(camera.put(fed(6, 3)));
  ASSERT_TRUE(camera.put(fed(9, 10)));
  std::vector<std::uint64_t> missing;
  std::vector<std::uint64_t> skipped;
  while (const auto taken = camera.feed.take(camera.stream(), feed_time(9))) {
    missing.push_back(taken->missing);
    skipped.push_back(taken->skipped);
  }
  EXPECT_EQ(missing, (std::vector<std::uint64_t>{0, 0, 2}));
  EXPECT_EQ(skipped, (std::vector<std::uint64_t>{3, 0, 7}));
}

TEST(CameraFeed, AcceptsNoPacketBeforeItsDeclarationNorOutOfOrderNorBeyondItsLimits) {
  CameraFeed undeclared("", {});
  EXPECT_FALSE(undeclared.put(0, fed(1)));
  EXPECT_FALSE(undeclared.put(undeclared.connect(), fed(1)));

  FedCamera camera;
  ASSERT_TRUE(camera.put(fed(4)));
  EXPECT_FALSE(camera.put(fed(4)));
  EXPECT_FALSE(camera.put(fed(3)));
  for (std::uint32_t number = 5; number < 4 + CameraFeed::kMostPackets; ++number) {
    ASSERT_TRUE(camera.put(fed(number)));
  }
  EXPECT_FALSE(camera.put(fed(1000)));
  ASSERT_TRUE(camera.feed.take(camera.stream(), feed_time(0)));
  EXPECT_TRUE(camera.put(fed(1000)));

  FedCamera large;
  ASSERT_TRUE(large.put(fed(1, 0, CameraFeed::kMostBytes)));
  EXPECT_FALSE(large.put(fed(2)));
}

TEST(CameraFeed, ATakeOverDropsThePacketsOfTheFirstSenderAndItsAcknowledgements) {
  FedCamera camera;
  ASSERT_TRUE(camera.put(fed(1)));
  ASSERT_TRUE(camera.put(fed(2)));
  ASSERT_TRUE(camera.put(fed(4)));
  ASSERT_TRUE(camera.feed.take(camera.stream(), feed_time(1)));
  const auto next = camera.feed.connect();
  EXPECT_NE(next, camera.sender);
  EXPECT_FALSE(camera.feed.is_sending(camera.sender));
  EXPECT_TRUE(camera.feed.is_sending(next));
  EXPECT_FALSE(camera.feed.stream());
  EXPECT_TRUE(camera.feed.take_news().acks.empty());
  EXPECT_EQ(camera.feed.take_dropped(), 3U);  // 2, 3 and 4: one of them never arrived
  EXPECT_EQ(camera.feed.take_dropped(), 0U);
  EXPECT_FALSE(camera.feed.put(next, fed(1)));  // the declaration belonged to the first
  camera.feed.declare(next, {.codec = FeedCodec::H264});
  EXPECT_TRUE(camera.feed.put(next, fed(1)));
  EXPECT_FALSE(camera.feed.take(camera.stream(), feed_time(1)));
}

TEST(CameraFeed, TheFirstSenderChangesNothingAfterATakeOver) {
  FedCamera camera;
  const auto next = camera.feed.connect();
  camera.feed.declare(next, {.codec = FeedCodec::H264});
  EXPECT_FALSE(camera.put(fed(1)));
  camera.feed.declare(camera.sender, {.codec = FeedCodec::Vp8});
  SenderStats report;
  report.sent = 5;
  camera.feed.report(camera.sender, report);
  camera.feed.disconnect(camera.sender, "left");
  EXPECT_TRUE(camera.feed.is_sending(next));
  EXPECT_EQ(camera.feed.stats()->sent, 0U);
  EXPECT_EQ(camera.feed.stats()->codec, "h264");
}

TEST(CameraFeed, CountsFramesThatWereSkippedBeforeDroppedPacketsWithTheNextPacket) {
  FedCamera camera;
  ASSERT_TRUE(camera.put(fed(1, 3)));
  ASSERT_TRUE(camera.put(fed(2, 7)));
  const auto next = camera.feed.connect();
  camera.feed.declare(next, {.codec = FeedCodec::Vp8});
  ASSERT_TRUE(camera.feed.put(next, fed(0, 2)));
  ASSERT_TRUE(camera.feed.put(next, fed(1, 2)));
  const CameraFeed::Stream stream{.sender = next, .codec = FeedCodec::Vp8};
  EXPECT_EQ(camera.feed.take(stream, feed_time(1))->skipped, 9U);
  EXPECT_EQ(camera.feed.take(stream, feed_time(1))->skipped, 0U);
}

TEST(CameraFeed, ATurnedCameraIsAnotherStream) {
  FedCamera camera;
  ASSERT_TRUE(camera.put(fed(1)));
  camera.feed.declare(camera.sender, {.codec = FeedCodec::Vp8, .width = 48, .height = 64, .turn = 90});
  ASSERT_TRUE(camera.put(fed(2)));
  EXPECT_TRUE(camera.feed.take(camera.stream(), feed_time(1)));
  EXPECT_FALSE(camera.feed.take(camera.stream(), feed_time(2)));
  EXPECT_EQ(camera.feed.stream()->turn, 90);
  EXPECT_EQ(camera.feed.take_news().acks.size(), 1U) << "the turned frame still waits";
}

TEST(CameraFeed, BelongsToOneServer) {
  FedCamera camera;
  const int first = 0;
  const int second = 0;
  EXPECT_TRUE(camera.feed.is_open_to(&second));
  EXPECT_TRUE(camera.feed.serve(&first, [] {}));
  EXPECT_FALSE(camera.feed.is_open_to(&second));
  EXPECT_FALSE(camera.feed.serve(&second, [] {}));
  camera.feed.release(&second, "never had it");
  EXPECT_TRUE(camera.feed.is_sending(camera.sender));
  camera.feed.release(&first, "closed");
  EXPECT_EQ(camera.feed.explain(), "closed");
  EXPECT_TRUE(camera.feed.serve(&second, [] {}));
}

TEST(CameraFeed, PacketsOfASenderThatHasLeftCanStillBeTaken) {
  FedCamera camera;
  ASSERT_TRUE(camera.put(fed(1)));
  camera.feed.disconnect(camera.sender, "the browser closed the page");
  EXPECT_FALSE(camera.put(fed(2)));
  EXPECT_TRUE(camera.feed.take(camera.stream(), feed_time(1)));
  EXPECT_EQ(camera.feed.explain(), "the browser closed the page");
}

TEST(CameraFeed, AKeyframeIsAskedForWithAPendingAcknowledgementOrTheLastOneAgain) {
  FedCamera camera;
  camera.feed.ask_key(camera.sender);
  EXPECT_TRUE(camera.feed.take_news().acks.empty());  // nothing was sent yet, so the next frame counts as one
  ASSERT_TRUE(camera.put(fed(8)));
  ASSERT_TRUE(camera.feed.take(camera.stream(), feed_time(8)));
  camera.feed.ask_key(camera.sender);
  const auto marked = camera.feed.take_news().acks;
  ASSERT_EQ(marked.size(), 1U);
  EXPECT_TRUE(marked[0].key);
  camera.feed.ask_key(camera.sender);
  const auto repeated = camera.feed.take_news().acks;
  ASSERT_EQ(repeated.size(), 1U);
  EXPECT_TRUE(repeated[0].key);
  EXPECT_EQ(repeated[0].number, 8U);
  camera.feed.ask_key(camera.sender + 1);
  EXPECT_TRUE(camera.feed.take_news().acks.empty());
}

TEST(CameraFeed, ExplainsInThePagesWordsAndWakesTheSourceWhenTheyChange) {
  CameraFeed feed("", {});
  EXPECT_TRUE(contains(feed.explain(), "no browser sends it"));
  EXPECT_FALSE(feed.stats());
  std::jthread taker;
  std::atomic<int> changes{0};
  {
    taker = std::jthread([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        if (!feed.wait_packet(TimePoint::max(), stop) && !stop.stop_requested()) ++changes;
      }
    });
    const auto sender = feed.connect();
    wait_until([&] { return changes == 1; });
    SenderStats asking;
    asking.state = "denied";
    asking.message = "the browser's user does not permit the camera";
    feed.report(sender, asking);
    wait_until([&] { return changes == 2; });
    EXPECT_EQ(feed.explain(), asking.message);
    EXPECT_FALSE(feed.is_sending(sender));
    feed.report(sender, asking);  // nothing new
    asking.state = "live";
    asking.message.clear();
    feed.report(sender, asking);
    wait_until([&] { return changes == 3; });
    EXPECT_TRUE(feed.is_sending(sender));
    feed.disconnect(sender, "left");
    wait_until([&] { return changes == 4; });
  }
  taker.request_stop();  // ends the wait
  taker.join();
  EXPECT_EQ(feed.stats()->message, "left");
}

TEST(CameraFeed, StatisticsIncludeEarlierSenders) {
  FedCamera camera;
  SenderStats report;
  report.sent = 10;
  report.camera_frames = 12;
  report.skipped_link = 2;
  report.bitrate = 5;
  camera.feed.report(camera.sender, report);
  const auto next = camera.feed.connect();
  report.sent = 1;
  camera.feed.report(next, report);
  const auto stats = camera.feed.stats();
  ASSERT_TRUE(stats);
  EXPECT_TRUE(stats->connected);
  EXPECT_EQ(stats->sent, 11U);
  EXPECT_EQ(stats->camera_frames, 24U);
  EXPECT_EQ(stats->skipped_link, 4U);
  EXPECT_EQ(stats->bitrate, 5);
}

TEST(CameraFeed, RingsOnceThereIsNewsAndImmediatelyForOldNews) {
  FedCamera camera;
  ASSERT_TRUE(camera.put(fed(1)));
  ASSERT_TRUE(camera.feed.take(camera.stream(), feed_time(1)));
  int rings = 0;
  const int server = 0;
  EXPECT_TRUE(camera.feed.serve(&server, [&] { ++rings; }));
  EXPECT_EQ(rings, 1);
  static_cast<void>(camera.feed.take_news());
  camera.feed.refuse(camera.sender, "it sent text");
  EXPECT_EQ(rings, 2);
  EXPECT_EQ(camera.feed.take_news().refused, "it sent text");
  EXPECT_FALSE(camera.put(fed(2)));
  EXPECT_EQ(camera.feed.explain(), "it sent text");
  camera.feed.end("over");
  EXPECT_EQ(rings, 3);
  EXPECT_EQ(camera.feed.take_news().ended, "over");
  const auto next = camera.feed.connect();
  camera.feed.declare(next, {});
  EXPECT_FALSE(camera.feed.put(next, fed(1)));
  camera.feed.release(&server, "closed");
  camera.feed.end("again");
  EXPECT_EQ(rings, 3);
}

// Server and source run on two threads, and a third reads the statistics. Each packet is taken or dropped,
// and each taken packet is acknowledged.
TEST(CameraFeed, ServerAndSourceMayRunAtTheSameTime) {
  constexpr std::uint32_t kPackets = 3000;  // of each sender
  constexpr int kSenders = 4;
  CameraFeed feed("", {});
  std::barrier start(3);
  std::atomic<std::uint64_t> acknowledged{
      0};                  // of the last sender: a take-over drops the acknowledgements of the previous one
  std::uint64_t last = 0;  // sender
  const auto count_acks = [&] { return std::uint64_t{feed.take_news().acks.size()}; };
  std::uint64_t put = 0;
  std::uint64_t taken = 0;
  std::uint64_t dropped = 0;
  std::jthread server([&] {
    start.arrive_and_wait();
    for (int n = 0; n < kSenders; ++n) {
      last = feed.connect();
      feed.declare(last, {.codec = FeedCodec::Vp8});
      acknowledged = 0;
      for (std::uint32_t number = 0; number < kPackets;) {
        if (feed.put(last, fed(number))) {
          ++put;
          ++number;
        } else {
          std::this_thread::yield();  // the source is slower
        }
        acknowledged += count_acks();
      }
    }
    feed.disconnect(last, "done");
  });
  std::jthread watcher([&](const std::stop_token& stop) {
    start.arrive_and_wait();
    while (!stop.stop_requested()) static_cast<void>(feed.stats());
  });
  start.arrive_and_wait();
  for (;;) {
    static_cast<void>(feed.wait_packet(TimePoint::max(), {}));
    while (const auto stream = feed.stream()) {
      if (feed.take(*stream, std::chrono::steady_clock::now())) ++taken;
    }
    dropped += feed.take_dropped();
    if (feed.explain() == "done" && !feed.stream()) break;
  }
  server.join();
  watcher.request_stop();
  watcher.join();
  dropped += feed.take_dropped();
  EXPECT_EQ(put, std::uint64_t{kSenders} * kPackets);
  EXPECT_EQ(taken + dropped, put);
  EXPECT_EQ(acknowledged + count_acks(), kPackets) << "nothing dropped those of the last sender";
}

}  // namespace
}  // namespace freshframe::test
