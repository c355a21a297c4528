// The watchdog of these tests, which ends a test that hangs: its limits are longer if many threads compete
// for the CPUs.
// SPDX-License-Identifier: Apache-2.0
#include "cpp/watchdog.hpp"

#include <csignal>

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(Watchdog, GivesATestMoreTimeWhereThreadsQueueForAProcessor) {
  EXPECT_EQ(crowd_of("0.42 0.10 0.03 1/180 9855\n", 2), 1U);
  EXPECT_EQ(crowd_of("3.99 0.10 0.03 9/180 9855\n", 2), 1U);
  EXPECT_EQ(crowd_of("34.50 30.01 21.27 40/300 9855\n", 2), 17U);
  EXPECT_EQ(crowd_of("34.50 30.01 21.27 40/300 9855\n", 16), 2U);
}

TEST(Watchdog, EndsATestThatHangsOnAnyMachine) {
  EXPECT_EQ(crowd_of("", 2), 1U);
  EXPECT_EQ(crowd_of("?", 2), 1U);
  EXPECT_EQ(crowd_of("8.0", 0), 8U);  // the number of processors is unknown
  EXPECT_EQ(crowd_of("99999999999999999999.0", 1), 30U);
}

TEST(WatchdogDeathTest, NamesTheTestWhenItsLimitsHaveEnded) {
  const auto end_many_limits = [] {
    for (int i = 0; i < 30; ++i) std::raise(SIGALRM);
  };
  EXPECT_DEATH(end_many_limits(), "watchdog: WatchdogDeathTest.NamesTheTestWhenItsLimitsHaveEnded hangs");
}

}  // namespace
}  // namespace freshframe::test
