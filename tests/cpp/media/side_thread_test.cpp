// Calls that block run aside, and whoever waits for one can leave it behind.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/side_thread.hpp"

#include "freshframe/error.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "cpp/support.hpp"
#include "media/network/left_threads.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TimePoint in(double seconds) {
  return std::chrono::steady_clock::now() + to_duration(Seconds(seconds));
}

/// A call that blocks until the test lets it go.
struct Call {
  std::stop_source gate;
  std::atomic<bool> begun{false};
  std::atomic<bool> ended{false};

  void block() {
    begun = true;
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait(lock, gate.get_token(), [] { return false; });
    ended = true;
  }
};

TEST(SideThread, RunsOneJobAfterTheOtherOnAThreadOfItsOwn) {
  SideThread side;
  auto ran = std::make_shared<std::thread::id>();
  for (int i = 0; i < 3; ++i) {
    side.start([ran] { *ran = std::this_thread::get_id(); });
    ASSERT_TRUE(side.wait(in(1000), {}));
    EXPECT_NE(*ran, std::this_thread::get_id());
  }
  EXPECT_TRUE(side.idle(in(0), {}));
  EXPECT_EQ(ran.use_count(), 1) << "a job that has ended owns nothing any more";
}

TEST(SideThread, WhatAJobThrowsIsThrownToWhoWaitsAndToNobodyElse) {
  SideThread side;
  side.start([] { throw Error("no"); });
  EXPECT_THROW(static_cast<void>(side.wait(in(1000), {})), Error);
  EXPECT_TRUE(side.wait(in(1000), {})) << "once";
  side.start([] { throw Error("nobody waits"); });
  EXPECT_TRUE(side.idle(in(1000), {}));
  side.start([] {});
  EXPECT_TRUE(side.wait(in(1000), {}));
}

TEST(SideThread, ALimitAndAStopEndTheWaitAndNotTheJob) {
  const auto call = std::make_shared<Call>();
  SideThread side;
  side.start([call] { call->block(); });
  EXPECT_FALSE(side.wait(in(0.01), {}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(side.wait(in(1000), stop.get_token()));
  EXPECT_FALSE(side.idle(in(1000), stop.get_token()));
  EXPECT_FALSE(call->ended);
  call->gate.request_stop();
  EXPECT_TRUE(side.wait(in(1000), {}));
  EXPECT_TRUE(call->ended);
}

TEST(SideThread, AJobThatIsLeftBehindKeepsWhatItOwnsAndEndsAlone) {
  const auto call = std::make_shared<Call>();
  {
    SideThread side;
    side.start([call] { call->block(); });
    wait_until([&] { return call->begun.load(); });
    side.leave();
    side.start([] {});  // on another thread
    EXPECT_TRUE(side.wait(in(1000), {}));
    side.start([call] { call->block(); });
  }
  EXPECT_EQ(call.use_count(), 3);
  call->gate.request_stop();
  wait_until([&] { return call.use_count() == 1; });
  join_ended();
}

}  // namespace
}  // namespace freshframe::test
