// A network source over TCP: it reconnects, counts, stops in each state, and tolerates corrupt bytes.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"
#include "freshframe/pipeline.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/media/files.hpp"
#include "cpp/sources/network/live_clip.hpp"
#include "cpp/sources/network/live_server.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(LiveSource, NumbersAndTimesGoOnOverAReconnect) {
  const ByteServer server(clip());
  Hand hand;
  const auto source = open(server.url());
  EXPECT_TRUE(source->live());
  EXPECT_EQ(source->info().width, 0);  // not known yet
  source->open(hand.context());
  EXPECT_EQ(source->info().width, 0);  // the size comes with the first frame
  EXPECT_EQ(hand.counters.source().state(), SourceState::WaitingKeyframe);
  double last = -1;
  std::int64_t last_seq = -1;
  for (int n = 0; n < kLiveFrames + kLiveFrames / 2; ++n) {
    const auto item = source->read(hand.context());
    ASSERT_TRUE(item.has_value());
    EXPECT_GE(item->pts, last);
    const auto seq = item->seq.value_or(-1);
    EXPECT_GT(seq, last_seq);  // lost frames have numbers too
    last = item->pts;
    last_seq = seq;
  }
  EXPECT_EQ(source->info().width, kWidth);
  EXPECT_EQ(source->info().codec, "h264");
  source->close();
  const auto stats = hand.counters.source().snapshot(hand.clock->now());
  EXPECT_GE(stats.outages, 1U);
  EXPECT_EQ(stats.reconnects, stats.outages);
  EXPECT_GE(stats.away_total, 0.5);  // the shortest back-off
  EXPECT_GE(server.accepted(), 2);
  EXPECT_TRUE(contains(stats.last_error, "lost '" + server.url())) << stats.last_error;
  EXPECT_GT(stats.decoder_frames, 0);  // the encoder's default is to reorder frames
}

TEST(LiveSource, WithoutReconnectTheEndIsAnErrorAndSilenceATimeout) {
  for (const auto then : {ByteServer::Then::Close, ByteServer::Then::Hold}) {
    const ByteServer server(clip(), then);
    Hand hand;
    const auto source = open(server.url(), {.read_timeout = 0.3, .reconnect = false});
    source->open(hand.context());
    int frames = 0;
    const auto read_all = [&] {
      while (source->read(hand.context())) ++frames;
    };
    if (then == ByteServer::Then::Close) {
      EXPECT_THROW(read_all(), SourceError);
    } else {
      EXPECT_THROW(read_all(), SourceTimeoutError);
    }
    EXPECT_EQ(frames, kLiveFrames);  // including those that the decoder held back
    source->close();
  }
}

TEST(LiveSource, AFirstOpenThatFailsIsBookedAndWithoutReconnectThrown) {
  std::string url;
  {
    url = ByteServer({}).url();
  }  // from here on, nothing listens on that port
  Hand hand;
  const auto source = open(url);
  source->open(hand.context());
  EXPECT_EQ(hand.counters.source().state(), SourceState::BackingOff);
  EXPECT_TRUE(hand.counters.source().is_lost());
  source->close();
  Hand other;
  EXPECT_THROW(open(url, {.reconnect = false})->open(other.context()), SourceError);
}

TEST(LiveSource, AnUnknownOptionIsAnErrorThatIsNotTriedAgain) {
  const ByteServer server(clip());
  Hand hand;
  const auto source = open(server.url(), {.options = {{"no_such_thing", "1"}}});
  EXPECT_THROW(source->open(hand.context()), SourceError);
}

/// A clock that throws once if the test requests it.
class FailingClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override {
    if (out_of_memory.exchange(false)) throw std::bad_alloc();
    if (out_of_threads.exchange(false)) {
      throw std::system_error(EAGAIN, std::generic_category());
    }
    return Clock::real()->now();
  }
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, TimePoint deadline,
                  const std::function<bool()>& ready) const override {
    return Clock::real()->wait_until(lock, condition, deadline, ready);
  }
  mutable std::atomic<bool> out_of_memory{false};
  mutable std::atomic<bool> out_of_threads{false};
};

TEST(LiveSource, AShortLackOfResourcesIsAnOutageWithItsReason) {
  const ByteServer server(clip(), ByteServer::Then::Hold);
  const auto clock = std::make_shared<FailingClock>();
  Hand hand;
  hand.clock = clock;
  const auto source = open(server.url());
  source->open(hand.context());
  ASSERT_TRUE(source->read(hand.context()).has_value());
  clock->out_of_memory = true;
  ASSERT_TRUE(source->read(hand.context()).has_value());
  auto stats = hand.counters.source().snapshot(Clock::real()->now());
  EXPECT_EQ(stats.last_error, "lost '" + server.url() + "': not enough memory");
  EXPECT_EQ(stats.reconnects, 1U);
  clock->out_of_threads = true;
  ASSERT_TRUE(source->read(hand.context()).has_value());
  stats = hand.counters.source().snapshot(Clock::real()->now());
  EXPECT_TRUE(contains(stats.last_error, "unavailable")) << stats.last_error;
  EXPECT_EQ(stats.reconnects, 2U);
  source->close();
  const auto other = open(server.url(), {.reconnect = false});
  other->open(hand.context());
  clock->out_of_memory = true;
  EXPECT_THROW(static_cast<void>(other->read(hand.context())), std::bad_alloc);
  other->close();
}

/// The real clock, which the test can set forward.
class ForwardClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return Clock::real()->now() + ahead.load(); }
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, TimePoint deadline,
                  const std::function<bool()>& ready) const override {
    return Clock::real()->wait_until(lock, condition, deadline - ahead.load(), ready);
  }
  std::atomic<TimePoint::duration> ahead{};
};

TEST(LiveSource, WhatThisProcessReadsTooLateIsOlderByThat) {
  const ByteServer server(clip(), ByteServer::Then::Hold);
  const auto clock = std::make_shared<ForwardClock>();
  Hand hand;
  hand.clock = clock;
  const auto source = open(server.url());
  source->open(hand.context());
  for (int n = 0; n < kLiveFrames / 3; ++n) ASSERT_TRUE(source->read(hand.context()).has_value());
  const TimePoint stopped = clock->now();
  clock->ahead = to_duration(Seconds(5));
  for (int n = 0; n < kLiveFrames / 3; ++n) {
    const auto item = source->read(hand.context());
    ASSERT_TRUE(item.has_value());
    EXPECT_LT(item->captured, stopped + to_duration(Seconds(3))) << n;
  }
  const auto behind = hand.counters.source().snapshot(clock->now()).behind;
  ASSERT_TRUE(behind.has_value());
  EXPECT_GT(*behind, 0.1);  // less than 5 s, because it is smoothed
  source->close();
}

/// Starts a pipeline of one source, waits for `state` and stops it, while other threads read its stats.
void stop_in(const ByteServer& server, SourceState state) {
  CheckedPipeline pipeline;
  const auto source =
      pipeline.add(open(server.url(), {.open_timeout = 1000, .read_timeout = 1000}), {.name = "camera"});
  Seen<Sample<Frame>> seen;
  pipeline.add(collect_into<Frame>(seen), source, {.name = "sink"});
  const int before = server.accepted();
  std::thread starter([&] {
    try {
      pipeline.start();
    } catch (const Error&) {  // stopped while opening
    }
  });
  wait_until([&] { return server.accepted() > before; });  // so that the state below is of this connection
  wait_until([&] { return node_of(pipeline, "camera").source.value().state == state; });
  pipeline.stop();
  starter.join();
  EXPECT_EQ(node_of(pipeline, "camera").source.value().state, SourceState::Closed);
}

TEST(LiveSource, AStopEndsEveryState) {
  const ByteServer silent({}, ByteServer::Then::Hold);
  stop_in(silent, SourceState::Connecting);
  const ByteServer closing({});
  stop_in(closing, SourceState::BackingOff);
  const ByteServer holding(clip(), ByteServer::Then::Hold);
  stop_in(holding, SourceState::Stalled);
  stop_in(holding, SourceState::Reading);
}

TEST(LiveSource, ManyConcurrentlyAreDeliveredOrCountedAndStop) {
  const ByteServer server(clip());
  CheckedPipeline pipeline;
  std::vector<std::string> names;
  std::vector<std::unique_ptr<Seen<Sample<Frame>>>> seen;
  for (int i = 0; i < 6; ++i) {
    names.push_back("camera" + std::to_string(i));
    const auto source = pipeline.add(open(server.url()), {.name = names.back()});
    seen.push_back(std::make_unique<Seen<Sample<Frame>>>());
    pipeline.add(collect_into<Frame>(*seen.back()), source);
  }
  pipeline.start();
  wait_until([&] {
    return std::all_of(names.begin(), names.end(), [&](const auto& name) {
      return node_of(pipeline, name).source.value().reconnects >= 1;
    });
  });
  pipeline.stop();
}

TEST(LiveSource, DamagedBytesNeitherCrashNorHang) {
  extend_watchdog(120);
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    Bytes bytes = clip();
    std::uniform_int_distribution<std::size_t> place(0, bytes.size() - 1);
    for (int i = 0; i < 1 << (round % 10); ++i) bytes[place(random)] = static_cast<char>(random());
    if (round % 3 == 0) bytes.resize(place(random));
    const ByteServer server(bytes);
    Hand hand;
    const auto source = open(server.url(), {.reconnect = false});
    try {
      source->open(hand.context());
      while (source->read(hand.context())) {
      }
      ADD_FAILURE() << "the end of a live stream is an error";
    } catch (const SourceError&) {  // at the end of the stream, or earlier
    }
    source->close();
  }
}

}  // namespace
}  // namespace freshframe::test
