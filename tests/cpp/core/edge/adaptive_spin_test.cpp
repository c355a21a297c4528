// Waits that begin with a spin, and waits that do not.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/adaptive_spin.hpp"

#include <atomic>
#include <cstdint>

#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

constexpr auto kSoon = AdaptiveSpin::kShort / 2;
constexpr auto kLate = AdaptiveSpin::kShort * 2;

TEST(AdaptiveSpin, BeginsAfterAShortWaitAndEndsAfterALongOne) {
  AdaptiveSpin spin;
  EXPECT_FALSE(spin.worth_it());
  spin.note_wait(kSoon, true);
  EXPECT_TRUE(spin.worth_it());
  spin.note_wait(kSoon, false);
  EXPECT_TRUE(spin.worth_it());
  spin.note_wait(kLate, true);
  EXPECT_FALSE(spin.worth_it());
}

TEST(AdaptiveSpin, APacedStreamNeverSpins) {
  AdaptiveSpin spin;
  for (int i = 0; i < 1000; ++i) {
    spin.note_wait(kLate, true);
    EXPECT_FALSE(spin.worth_it());
  }
}

TEST(AdaptiveSpin, SpinsInVainGetRare) {
  AdaptiveSpin spin;
  int spins = 0;
  for (int i = 0; i < 1000; ++i) {
    spins += spin.worth_it() ? 1 : 0;
    spin.note_wait(kSoon, true);  // short, but longer than spinning is worth
  }
  EXPECT_GE(spins, 1);
  EXPECT_LE(spins, 30);
}

TEST(AdaptiveSpin, OneSpinThatMetSomethingMakesUpForThoseInVain) {
  AdaptiveSpin spin;
  for (int i = 0; i < 1000; ++i) spin.note_wait(kSoon, true);
  while (!spin.worth_it()) spin.note_wait(kSoon, true);
  spin.note_wait(kSoon, false);
  EXPECT_TRUE(spin.worth_it());
  spin.note_wait(kLate, false);  // the mutex was acquired too late
  spin.note_wait(kSoon, true);
  EXPECT_TRUE(spin.worth_it());
}

TEST(AdaptiveSpin, EndsAtOnceWhenSomethingHasMoved) {
  const std::atomic<std::uint32_t> moves{2};
  AdaptiveSpin::Spin spin;
  EXPECT_TRUE(spin.until_moved(moves, 1));
  EXPECT_EQ(spin.time(), AdaptiveSpin::Clock::duration{});
  const auto began = AdaptiveSpin::Clock::now();
  EXPECT_FALSE(spin.until_moved(moves, 2));
  EXPECT_GE(AdaptiveSpin::Clock::now() - began, AdaptiveSpin::kLongest);
  EXPECT_GE(spin.time(), AdaptiveSpin::kLongest);
  EXPECT_LE(spin.time(), AdaptiveSpin::Clock::now() - began);
}

TEST(AdaptiveSpin, MovesInBetweenMakeASpinNoLonger) {
  const std::atomic<std::uint32_t> moves{2};
  AdaptiveSpin::Spin spin;
  ASSERT_FALSE(spin.until_moved(moves, 2));
  EXPECT_TRUE(spin.until_moved(moves, 1));
  const auto time = spin.time();
  EXPECT_FALSE(spin.until_moved(moves, 2));  // the spin timed out
  EXPECT_GT(spin.time(), time);
}

}  // namespace
}  // namespace freshframe::test
