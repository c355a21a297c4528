// Clocks: the simulated clock advances only when a test advances it, and a stop ends every sleep.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/clock.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(ToDuration, ConvertsSecondsAndTakesHugeOnesForEver) {
  EXPECT_EQ(to_duration(Seconds{1.5}), milliseconds{1500});
  EXPECT_EQ(to_duration(Seconds{0}), steady_clock::duration::zero());
  constexpr auto kLongerThanAnyLife = std::chrono::hours{24} * 365 * 140;
  EXPECT_GT(to_duration(Seconds{1e300}), kLongerThanAnyLife);
  EXPECT_GT(to_duration(Seconds{std::numeric_limits<double>::infinity()}), kLongerThanAnyLife);
  const auto now = steady_clock::now();
  EXPECT_GT(now + to_duration(Seconds{1e300}), now);  // huge durations must not overflow a deadline
  EXPECT_LT(now + to_duration(Seconds{-1e300}), now);
}

TEST(RealClock, IsTheMonotonicClock) {
  const auto clock = Clock::real();
  const auto before = steady_clock::now();
  const auto now = clock->now();
  EXPECT_LE(before, now);
  EXPECT_LE(now, steady_clock::now());
}

TEST(RealClock, SleepsNoLessThanItWasTold) {
  const auto clock = Clock::real();
  const std::stop_source stop;
  const auto deadline = clock->now() + milliseconds{5};
  EXPECT_TRUE(clock->sleep_until(deadline, stop.get_token()));
  EXPECT_GE(clock->now(), deadline);
}

TEST(RealClock, ASleepForEverEndsWithAStop) {
  const auto clock = Clock::real();
  std::stop_source stop;
  std::atomic<bool> slept{true};
  {
    const std::jthread sleeper([&] { slept = clock->sleep_until(TimePoint::max(), stop.get_token()); });
    stop.request_stop();
  }
  EXPECT_FALSE(slept);
  EXPECT_FALSE(clock->sleep_until(clock->now() + std::chrono::hours{1}, stop.get_token()));
}

TEST(RealClock, WaitUntilTellsWhetherTheConditionCame) {
  const auto clock = Clock::real();
  std::mutex mutex;
  std::condition_variable condition;
  bool ready = false;  // guarded by mutex
  std::unique_lock lock(mutex);
  EXPECT_FALSE(clock->wait_until(lock, condition, clock->now() + milliseconds{2}, [&] { return ready; }));
  const std::jthread other([&] {
    const std::lock_guard guard(mutex);
    ready = true;
    condition.notify_all();
  });
  EXPECT_TRUE(clock->wait_until(lock, condition, TimePoint::max(), [&] { return ready; }));
  EXPECT_TRUE(lock.owns_lock());
}

TEST(SimulatedClock, StandsStillUntilAdvanced) {
  SimulatedClock clock;
  const TimePoint start = clock.now();
  EXPECT_EQ(clock.now(), start);
  clock.advance(Seconds{0.25});
  EXPECT_EQ(clock.now() - start, milliseconds{250});
  clock.advance(Seconds{60});
  EXPECT_EQ(clock.now() - start, milliseconds{60'250});
}

TEST(SimulatedClock, ASleeperWakesAtItsDeadlineAndNotBefore) {
  SimulatedClock clock;
  const std::stop_source stop;
  std::atomic<bool> woken{false};
  std::atomic<bool> result{false};
  std::jthread sleeper([&] {
    result = clock.sleep_until(clock.now() + std::chrono::seconds{10}, stop.get_token());
    woken = true;
  });
  clock.wait_for_sleepers(1);
  clock.advance(Seconds{9.999});
  // Long enough for the sleeper to check the clock several times.
  std::this_thread::sleep_for(milliseconds{5});
  EXPECT_FALSE(woken);
  clock.advance(Seconds{0.001});
  sleeper.join();
  EXPECT_TRUE(result);
}

TEST(SimulatedClock, AStopEndsASleepWithoutTimePassing) {
  SimulatedClock clock;
  std::stop_source stop;
  std::atomic<bool> slept{true};
  {
    const std::jthread sleeper(
        [&] { slept = clock.sleep_until(clock.now() + std::chrono::hours{1}, stop.get_token()); });
    clock.wait_for_sleepers(1);
    stop.request_stop();
  }
  EXPECT_FALSE(slept);
  EXPECT_EQ(clock.now().time_since_epoch().count(), SimulatedClock().now().time_since_epoch().count());
}

TEST(SimulatedClock, AConditionEndsAWaitWithoutTimePassing) {
  SimulatedClock clock;
  std::mutex mutex;
  std::condition_variable condition;
  bool ready = false;  // guarded by mutex
  std::atomic<bool> result{false};
  {
    const std::jthread waiter([&] {
      std::unique_lock lock(mutex);
      result = clock.wait_until(lock, condition, clock.now() + std::chrono::hours{1}, [&] { return ready; });
    });
    clock.wait_for_sleepers(1);
    const std::lock_guard guard(mutex);
    ready = true;
    condition.notify_all();
  }
  EXPECT_TRUE(result);
}

TEST(SimulatedClock, WakesManySleepersInTheirOrderOfDeadlines) {
  constexpr int kSleepers = 8;
  SimulatedClock clock;
  const std::stop_source stop;
  std::atomic<int> awake{0};
  {
    std::vector<std::jthread> threads;
    const TimePoint start = clock.now();
    for (int i = 1; i <= kSleepers; ++i) {
      threads.emplace_back([&, i] {
        EXPECT_TRUE(clock.sleep_until(start + std::chrono::seconds{i}, stop.get_token()));
        ++awake;
      });
    }
    clock.wait_for_sleepers(kSleepers);
    for (int i = 1; i <= kSleepers; ++i) {
      clock.advance(Seconds{1});
      wait_until([&] { return awake >= i; });
      EXPECT_EQ(awake, i);
    }
  }
}

}  // namespace
}  // namespace freshframe::test
