// The interval between two batches depends on the rate of the results.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/flow.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace freshframe::fleet {
namespace {

using namespace std::chrono_literals;

// Returns the pause between batches after `seconds` at `per_second` results per second.
BootTime between_batches(double per_second, int seconds) {
  Flow flow(40ms, BootTime(1s));
  for (int i = 1; i <= 100 * seconds; ++i) {
    flow.note(static_cast<std::uint64_t>(per_second * i / 100), BootTime(1s) + i * 10ms);
  }
  return flow.between_batches();
}

TEST(Flow, FewResultsAreSentImmediatelyAndManyAreBatched) {
  EXPECT_EQ(Flow(40ms, BootTime(1s)).between_batches(), BootTime(0));
  EXPECT_LT(between_batches(60, 3), 8ms);
  EXPECT_GT(between_batches(300, 3), 20ms);
  EXPECT_EQ(between_batches(1000, 3), 40ms);
}

TEST(Flow, ForgetsWhatWasLongAgo) {
  Flow flow(40ms, BootTime(1s));
  flow.note(10'000, BootTime(2s));
  EXPECT_EQ(flow.between_batches(), 40ms);
  flow.note(10'010, BootTime(12s));
  EXPECT_LT(flow.between_batches(), 1ms);
}

TEST(Flow, ABurstOfAnInstantCountsLittle) {
  Flow flow(40ms, BootTime(1s));
  flow.note(2, BootTime(1s));
  EXPECT_EQ(flow.between_batches(), BootTime(0));
  flow.note(4, BootTime(1s) + 1ms);
  EXPECT_LT(flow.between_batches(), 1ms);
}

}  // namespace
}  // namespace freshframe::fleet
