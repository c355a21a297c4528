// The ring of a node's calls: which records it keeps, and reads at the same time as writes.
// SPDX-License-Identifier: Apache-2.0
#include "core/watch/call_ring.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>

#include <gtest/gtest.h>

namespace freshframe::core {
namespace {

Call call_at(std::int64_t seq) {
  Call call;
  call.seq = seq;
  call.done = TimePoint(std::chrono::milliseconds(seq));
  call.waited = seq;  // a torn record has two different values
  return call;
}

TEST(CallRing, KeepsTheLatestCallsTheOldestFirst) {
  CallRing ring;
  EXPECT_TRUE(ring.calls().empty());
  for (std::int64_t i = 0; i < 5000; ++i) ring.add(call_at(i));
  const auto calls = ring.calls();
  // The oldest slot may be overwritten at any time.
  ASSERT_EQ(calls.size(), CallRing::kCalls - 1);
  EXPECT_EQ(calls.front().seq, 5000 - static_cast<std::int64_t>(CallRing::kCalls) + 1);
  EXPECT_EQ(calls.back().seq, 4999);
}

TEST(CallRing, GivesTheCallsSinceATime) {
  CallRing ring;
  for (std::int64_t i = 0; i < 100; ++i) ring.add(call_at(i));
  const auto calls = ring.calls(TimePoint(std::chrono::milliseconds(90)));
  ASSERT_EQ(calls.size(), 10U);
  EXPECT_EQ(calls.front().seq, 90);
}

TEST(CallRing, AddsAWaitForTheGilToTheLatestCall) {
  CallRing ring;
  ring.add_gil(1);  // belongs to no call
  ring.add(call_at(0));
  ring.add(call_at(1));
  ring.add_gil(0.25);
  ring.add_gil(0.5);
  const auto calls = ring.calls();
  EXPECT_EQ(calls[0].gil_within, 0);
  EXPECT_FLOAT_EQ(calls[1].gil_within, 0.75F);
  EXPECT_EQ(calls[1].seq, 1);
}

TEST(CallRing, GivesNoRecordThatTheWriterIsChanging) {
  CallRing ring;
  std::atomic<bool> stop{false};
  const std::jthread writer([&] {
    for (std::int64_t i = 0; !stop; ++i) ring.add(call_at(i));
  });
  std::size_t seen = 0;
  for (int look = 0; look < 50 || seen == 0; ++look) {
    std::int64_t before = -1;
    for (const auto& call : ring.calls()) {
      ASSERT_EQ(call.seq, call.waited);
      ASSERT_EQ(call.done, call_at(call.seq).done);
      ASSERT_TRUE(before < 0 || call.seq == before + 1);
      before = call.seq;
      ++seen;
    }
  }
  stop = true;
}

}  // namespace
}  // namespace freshframe::core
