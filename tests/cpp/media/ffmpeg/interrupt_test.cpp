// Stops and time-outs interrupt FFmpeg's blocking calls.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/interrupt.hpp"

#include <chrono>
#include <stop_token>
#include <thread>

#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

bool interrupts(Interrupt& interrupt) {
  const auto callback = interrupt.callback();
  return callback.callback(callback.opaque) != 0;
}

TEST(MediaInterrupt, LetsACallGoOnUntilItsDeadline) {
  Interrupt interrupt;
  EXPECT_FALSE(interrupts(interrupt)) << "not armed";
  interrupt.arm(1000);
  EXPECT_FALSE(interrupts(interrupt));
  EXPECT_FALSE(interrupt.timed_out());
}

TEST(MediaInterrupt, EndsACallAtItsDeadlineAndRemembers) {
  Interrupt interrupt;
  interrupt.arm(0);
  EXPECT_FALSE(interrupt.timed_out()) << "nobody asked yet";
  EXPECT_TRUE(interrupts(interrupt));
  EXPECT_TRUE(interrupt.timed_out());
  EXPECT_FALSE(interrupt.is_stopped());
  interrupt.arm(1000);
  EXPECT_FALSE(interrupt.timed_out()) << "a new call starts afresh";
  EXPECT_FALSE(interrupts(interrupt));
}

TEST(MediaInterrupt, EndsACallWhenThePipelineStops) {
  std::stop_source stop;
  Interrupt interrupt(stop.get_token());
  interrupt.arm(1000);
  EXPECT_FALSE(interrupts(interrupt));
  stop.request_stop();
  EXPECT_TRUE(interrupts(interrupt));
  EXPECT_TRUE(interrupt.is_stopped());
  EXPECT_FALSE(interrupt.timed_out());
}

TEST(MediaInterrupt, WaitsInPlaceOfACall) {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  std::stop_source stop;
  Interrupt interrupt(stop.get_token());
  EXPECT_TRUE(interrupt.wait_until(now() - std::chrono::hours(1)));
  const auto until = now() + std::chrono::milliseconds(1);
  EXPECT_TRUE(interrupt.wait_until(until));
  EXPECT_GE(now(), until);
  interrupt.arm(0);
  EXPECT_FALSE(interrupt.wait_until(now() + std::chrono::hours(1))) << "its deadline";
  interrupt.disarm();
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(interrupt.wait_until(now() + std::chrono::hours(1)));
}

TEST(MediaInterrupt, IsQuietBetweenCalls) {
  Interrupt interrupt;
  interrupt.arm(0);
  interrupt.disarm();
  EXPECT_FALSE(interrupts(interrupt));
}

TEST(MediaInterrupt, TellsOfAStallBeforeTheDeadlineOnce) {
  SourceCounters book;
  book.enter(SourceState::Reading);
  Interrupt interrupt;
  interrupt.arm(1000);
  EXPECT_FALSE(interrupts(interrupt));
  EXPECT_EQ(book.state(), SourceState::Reading);
  interrupt.tell_stall(book, std::chrono::steady_clock::now());
  EXPECT_FALSE(interrupts(interrupt));
  EXPECT_FALSE(interrupts(interrupt));
  EXPECT_EQ(book.state(), SourceState::Stalled);
  EXPECT_EQ(book.snapshot({}).stalls, 1U);
  interrupt.tell_stall(book, std::chrono::steady_clock::now());
  interrupt.arm(1000);
  book.flow();
  EXPECT_FALSE(interrupts(interrupt));
  EXPECT_EQ(book.state(), SourceState::Reading) << "armed anew: quiet";
}

TEST(MediaInterrupt, AStopDoesNotCutTheGoodbyeShort) {
  std::stop_source stop;
  Interrupt interrupt(stop.get_token());
  stop.request_stop();
  interrupt.arm_closing(1000);
  EXPECT_FALSE(interrupts(interrupt));
  interrupt.arm_closing(0);
  EXPECT_TRUE(interrupts(interrupt));
}

}  // namespace
}  // namespace freshframe::test
