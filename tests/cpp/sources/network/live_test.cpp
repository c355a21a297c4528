// The parts of a network source that need no network: URLs, name lookups, back-off, pts across reconnects.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "cpp/support.hpp"
#include "media/stream/live_timeline.hpp"
#include "media/stream/reconnect.hpp"
#include "media/stream/resolver.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

TimePoint at(double seconds) {
  return TimePoint{} + to_duration(Seconds(seconds));
}

TimePoint after(double seconds) {
  return std::chrono::steady_clock::now() + to_duration(Seconds(seconds));
}

TEST(Resolver, DistinguishesAnAddressFromAName) {
  for (const auto* host : {"127.0.0.1", "::1", "fe80::1%eth0"}) EXPECT_TRUE(is_address(host)) << host;
  for (const auto* host : {"localhost", "1.2.3", "cam1", ""}) EXPECT_FALSE(is_address(host)) << host;
}

TEST(Resolver, FindsThisMachine) {
  const auto answer = resolve_host("localhost", after(30), {});
  ASSERT_TRUE(answer.has_value());
  ASSERT_FALSE(answer->addresses.empty()) << answer->error;
  for (const auto& address : answer->addresses) EXPECT_TRUE(is_address(address)) << address;
}

/// A name server that answers when the test requests it.
class NameServer {
 public:
  static HostAnswer lookup(const std::string& host) {
    auto& self = instance();
    std::unique_lock lock(self.mutex_);
    ++self.asked_;
    self.changed_.notify_all();
    self.changed_.wait(lock, [&] { return self.answers_; });
    return {{"192.0.2." + std::to_string(host.size())}, {}};
  }
  static NameServer& instance() {
    static NameServer server;
    return server;
  }
  void hold() { set(false); }
  void answer() { set(true); }
  void wait_asked(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return asked_ >= count; });
  }
  int asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  void set(bool answers) {
    const std::lock_guard lock(mutex_);
    answers_ = answers;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool answers_ = true;
  int asked_ = 0;
};

TEST(Resolver, AStopAndALimitLeaveALookupBehindWhichTheNextCallerOfThatNameShares) {
  auto& server = NameServer::instance();
  server.hold();
  const int before = server.asked();
  std::stop_source stop;
  std::optional<HostAnswer> stopped;
  std::thread waiting(
      [&] { stopped = resolve_host("camera", after(1000), stop.get_token(), &NameServer::lookup); });
  server.wait_asked(before + 1);
  stop.request_stop();
  waiting.join();  // although the server has not answered
  EXPECT_FALSE(stopped.has_value());
  EXPECT_FALSE(resolve_host("camera", after(0.01), {}, &NameServer::lookup).has_value());
  EXPECT_EQ(server.asked(), before + 1);
  server.answer();
  const auto answer = resolve_host("camera", after(1000), {}, &NameServer::lookup);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->addresses.front(), "192.0.2.6");
}

TEST(BackOff, StartsAtHalfASecondDoublesUpToTenAndStartsAnewAfterSuccess) {
  BackOff back_off(1);
  double expected = 0.5;
  for (int i = 0; i < 8; ++i) {
    const double seconds = back_off.next();
    EXPECT_GE(seconds, std::max(0.5, 0.8 * expected));
    EXPECT_LE(seconds, std::min(10.0, 1.2 * expected));
    expected = std::min(10.0, 2 * expected);
  }
  back_off.reset();
  EXPECT_LE(back_off.next(), 0.6);
}

TEST(BackOff, TwoSourcesDoNotComeBackTogether) {
  BackOff one(1);
  BackOff other(2);
  bool differs = false;
  for (int i = 0; i < 5; ++i) differs = differs || one.next() != other.next();
  EXPECT_TRUE(differs);
}

TEST(LiveTimeline, TheFirstFrameLiesAtZeroAndTheOthersAtTheStreamsDistances) {
  LiveTimeline times;
  EXPECT_EQ(times.place_rising(95440.0, at(7)), 0.0);
  EXPECT_NEAR(times.place_rising(95440.04, at(7.5)), 0.04, 1e-6);
  EXPECT_NEAR(times.place_rising(95440.02, at(7.6)), 0.04, 1e-6);  // goes back a little: held
}

TEST(LiveTimeline, AMissingTimeIsTheTimeOfArrival) {
  LiveTimeline times;
  EXPECT_EQ(times.place_rising(std::nullopt, at(7)), 0.0);
  EXPECT_NEAR(times.place_rising(std::nullopt, at(7.1)), 0.1, 1e-9);
  EXPECT_NEAR(times.place_rising(1000.0, at(7.2)), 0.2, 1e-9);  // over RTSP, the first frames have no time
  EXPECT_NEAR(times.place_rising(1000.5, at(7.3)), 0.7, 1e-9);
}

TEST(LiveTimeline, AWrapAJumpAndAReconnectAreAsLongAsTheyWereInArrivals) {
  LiveTimeline times;
  times.place_rising(95443.0, at(0));
  EXPECT_NEAR(times.place_rising(0.02, at(0.04)), 0.04, 1e-6);     // wrapped
  EXPECT_NEAR(times.place_rising(5000.0, at(0.08)), 0.08, 1e-6);   // jumped ahead
  EXPECT_NEAR(times.place_rising(5000.04, at(3.08)), 0.12, 1e-6);  // delayed by the network: not a jump
  times.restart();
  EXPECT_NEAR(times.place_rising(17.0, at(13.08)), 10.12, 1e-6);
}

TEST(LiveTimeline, PlacesAPacketBeforeThoseOfEarlierCallsThatAreShownLater) {
  LiveTimeline times;
  EXPECT_EQ(times.place(100.0, at(7)), 0.0);
  EXPECT_NEAR(times.place(100.12, at(7.04)), 0.12, 1e-9);
  EXPECT_NEAR(times.place(100.04, at(7.08)), 0.04, 1e-9);
}

/// The timelines of a source's frames and packets. An image has the same pts in both.
struct TwoOutputs {
  LiveTimeline packets;
  LiveTimeline frames;
  TwoOutputs() {
    packets.follow(frames);
    frames.follow(packets);
  }
};

TEST(LiveTimeline, OfAnOutputThatBeginsLaterGoesOnWithTheOthers) {
  for (const bool packets_first : {true, false}) {
    TwoOutputs both;
    auto& first = packets_first ? both.packets : both.frames;
    auto& second = packets_first ? both.frames : both.packets;
    for (int n = 0; n < 100; ++n) first.place(500 + n / 25.0, at(7 + n / 25.0));
    EXPECT_NEAR(second.place_rising(503.88, at(10.88)), 3.88, 1e-6);
    EXPECT_NEAR(first.place(504, at(11)), 4, 1e-6);
    EXPECT_NEAR(second.place_rising(504, at(11)), 4, 1e-6);
  }
}

TEST(LiveTimeline, OfAnOutputThatHasRestedGoesOnWithTheOthers) {
  TwoOutputs both;
  both.packets.place(500, at(0));
  EXPECT_EQ(both.frames.place_rising(500, at(0)), 0);
  for (int n = 1; n <= 20; ++n)
    both.packets.place(500 + 0.99 * n * 60, at(n * 60));  // the camera's clock is slow
  EXPECT_NEAR(both.frames.place_rising(500 + 0.99 * 1200, at(1200)),
              both.packets.place(500 + 0.99 * 1200, at(1200)), 1e-6);
}

TEST(LiveTimeline, OfTwoOutputsHasOneShiftBehindAReconnectAndAJump) {
  TwoOutputs both;
  for (const double time : {500.0, 500.04}) {
    both.packets.place(time, at(time - 500));
    both.frames.place_rising(time, at(time - 500));
  }
  both.packets.restart();
  both.frames.restart();
  const double after_reconnect = both.frames.place_rising(17, at(3));
  EXPECT_NEAR(both.packets.place(17, at(3.01)), after_reconnect, 1e-6);
  const double after_jump = both.packets.place(4000, at(3.1));
  EXPECT_NEAR(after_jump, 3.1, 0.02);
  EXPECT_NEAR(both.frames.place_rising(4000, at(3.1)), after_jump, 1e-6);
}

}  // namespace
}  // namespace freshframe::test
