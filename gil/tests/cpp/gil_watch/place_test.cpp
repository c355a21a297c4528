// Pairs of a Python line and a native stack, from recorded looks and samples: only the pairs of one call are
// kept.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <optional>
#include <vector>

#include "gil_watch/watch/holder_watch.hpp"
#include <gtest/gtest.h>

using namespace freshframe::gil;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

namespace {

// Two native functions that are called in turn from two lines, within one turn of the holder.
const Spot kFirst{.turn = 7, .mark = {.frame = 0x1000, .instruction = 0x10, .variables = 1}};
const Spot kSecond{.turn = 7, .mark = {.frame = 0x1000, .instruction = 0x20, .variables = 1}};
const Spot kLater{.turn = 9, .mark = kFirst.mark};  // the same place after other threads had their turns

Clock::time_point at(std::chrono::milliseconds time) {
  return Clock::time_point(1s) + time;
}

StackSample stack(std::uint64_t counter) {
  StackSample made;
  made.set(kCounterRegister, counter);
  return made;
}

std::vector<PythonFrame> line(int number) {
  return {{.file = "a.py", .function = "f", .line = number}};
}

std::vector<std::uint64_t> counters(const Place& place) {
  std::vector<std::uint64_t> found;
  for (const StackSample* sample : place.samples()) found.push_back(sample->counter());
  return found;
}

}  // namespace

TEST(GilPlace, ASampleThatWasTakenWithinOneCallIsPairedWithItsLine) {
  Places places;
  places.see(kFirst, at(0ms));
  places.keep_frames(line(1), kFirst);
  places.await();
  places.see(kFirst, at(2ms));
  places.keep_computing(stack(111), kFirst);
  EXPECT_EQ(counters(places.longest()), (std::vector<std::uint64_t>{111}));
  EXPECT_EQ(places.longest().python, line(1));
}

TEST(GilPlace, ASampleBetweenTwoCallsIsOfNeither) {
  Places places;
  places.see(kFirst, at(0ms));
  places.keep_frames(line(1), kFirst);
  places.await();
  places.see(kSecond, at(20ms));  // a busy machine: the look was late
  EXPECT_FALSE(places.awaits());
  places.keep_computing(stack(222), kSecond);
  EXPECT_TRUE(counters(places.longest()).empty());
  EXPECT_TRUE(counters(places.present()).empty());
}

TEST(GilPlace, ASampleAfterWhichTheThreadHasMovedOnIsDropped) {
  Places places;
  places.see(kFirst, at(0ms));
  places.await();
  places.see(kFirst, at(2ms));
  places.keep_computing(stack(222), kSecond);
  EXPECT_TRUE(counters(places.longest()).empty());
  places.await();
  places.keep_computing(stack(222), std::nullopt);  // it has released the GIL
  EXPECT_TRUE(counters(places.longest()).empty());
}

TEST(GilPlace, TheSamePlaceInALaterTurnIsAnotherCall) {
  Places places;
  places.see(kFirst, at(0ms));
  places.await();
  places.see(kLater, at(2ms));
  EXPECT_FALSE(places.awaits());
  places.keep_computing(stack(222), kLater);
  EXPECT_TRUE(counters(places.longest()).empty());
}

TEST(GilPlace, ASampleThatNobodyAwaitedIsDropped) {
  Places places;
  places.see(kFirst, at(0ms));
  places.keep_computing(stack(222), kFirst);
  EXPECT_TRUE(counters(places.longest()).empty());
}

TEST(GilPlace, ASampleWhoseWitnessSawTheThreadHereNeedsNoLookAfterIt) {
  StackSample here = stack(111);
  here.witnessed = kFirst.digest();
  StackSample elsewhere = stack(222);
  elsewhere.witnessed = kSecond.digest();
  Places places;
  places.see(kFirst, at(0ms));
  places.await();
  places.keep_computing(elsewhere, kFirst);
  EXPECT_TRUE(counters(places.longest()).empty());
  places.await();
  places.keep_computing(here, std::nullopt);
  EXPECT_EQ(counters(places.longest()), (std::vector<std::uint64_t>{111}));
  EXPECT_NE(kFirst.digest(), kLater.digest());
}

TEST(GilPlace, FramesThatWereReadWhileTheThreadMovedAreDropped) {
  Places places;
  places.see(kFirst, at(0ms));
  places.keep_frames(line(2), kSecond);
  EXPECT_TRUE(places.present().python.empty());
  places.keep_frames(line(1), kFirst);
  EXPECT_EQ(places.present().python, line(1));
}

TEST(GilPlace, OfSeveralCallsTheLongestIsTheCulprit) {
  Places places;
  places.see(kFirst, at(0ms));
  places.keep_frames(line(1), kFirst);
  places.see(kFirst, at(4ms));
  places.see(kSecond, at(6ms));
  places.keep_frames(line(2), kSecond);
  places.see(kSecond, at(26ms));
  places.see(kFirst, at(28ms));
  places.keep_frames(line(3), kFirst);
  EXPECT_EQ(places.longest().python, line(2));
  EXPECT_EQ(places.longest().lasted(), 20ms);
}

TEST(GilPlace, TheStackOfTheMostFrequentWaitIsKept) {
  const TaskState brief{.running = false, .system_call = -1, .stack_pointer = 1, .counter = 1};
  const TaskState lasting{.running = false, .system_call = 7, .stack_pointer = 2, .counter = 2};
  Places places;
  const auto look = [&](const TaskState& state, std::uint64_t counter) {
    places.see(kFirst, at(0ms));
    places.count(false);
    if (places.wants_waiting(state)) places.keep_waiting(stack(counter), state, kFirst);
  };
  look(brief, 1);
  for (int i = 0; i < 3; ++i) look(lasting, 2);
  EXPECT_EQ(counters(places.longest()), (std::vector<std::uint64_t>{2}));
  EXPECT_EQ(places.longest().where.system_call, 7);
}

TEST(GilPlace, AStackInAWaitThatHasEndedIsDropped) {
  const TaskState waits{.running = false, .system_call = 7, .stack_pointer = 2, .counter = 2};
  Places places;
  places.see(kFirst, at(0ms));
  places.keep_waiting(stack(1), waits, kSecond);
  EXPECT_TRUE(counters(places.longest()).empty());
}

TEST(GilPlace, SamplesOfALongCallAreSpreadOverItsTime) {
  Places places;
  std::vector<int> taken;
  for (int time = 0; time <= 1000; ++time) {
    places.see(kFirst, at(std::chrono::milliseconds(time)));
    if (places.awaits()) places.keep_computing(stack(1), kFirst);
    if (!places.wants_computing()) continue;
    places.await();
    taken.push_back(time);
  }
  EXPECT_EQ(taken.size(), Places::kMostSamples);
  EXPECT_LE(taken.front(), 1);
  EXPECT_GE(taken.back(), 20);
}

TEST(GilPlace, ACollectionIsOneOnlyIfAllLooksAreInIt) {
  Places places;
  places.see(kFirst, at(0ms));
  EXPECT_FALSE(places.longest().collects());
  places.count_collecting(true, kFirst);
  places.count_collecting(true, kFirst);
  EXPECT_TRUE(places.longest().collects());
  places.count_collecting(false, kSecond);  // it has moved on: the look is of another place
  places.count_collecting(false, std::nullopt);
  EXPECT_TRUE(places.longest().collects());
  places.count_collecting(false, kFirst);  // a call that makes many objects, between two collections
  EXPECT_FALSE(places.longest().collects());
}
