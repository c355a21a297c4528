// The bounded queue by itself: races that a whole pipeline meets too rarely.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/inbox.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

void expect_books(const Inbox& inbox) {
  Stats stats;
  stats.edges = inbox.stats();
  test::expect_books(stats);
}

AnySample sample_of(std::int64_t seq, TimePoint captured = {}) {
  return {{seq, 0, captured, 0}, {}, ValueRef::make<int>(static_cast<int>(seq)), 0};
}

TEST(Inbox, AProducerThatMeetsTheCloseAfterATakeIsCountedOnce) {
  for (int round = 0; round < 300; ++round) {
    const auto clock = std::make_shared<SimulatedClock>();
    Inbox inbox("sink", clock);
    const auto edge = inbox.add_edge({0, "step", Queue{1, WhenFull::Block}, 1.0});
    std::atomic<bool> blocked{false};
    AnySample sample;
    inbox.put(*edge, sample_of(0, clock->now()), blocked);
    clock->advance(Seconds{5});
    EXPECT_EQ(inbox.try_take(sample), Taken::Nothing);  // stale: one drop that the next sample will report
    inbox.put(*edge, sample_of(1, clock->now()), blocked);
    {
      const std::jthread producer([&] { inbox.put(*edge, sample_of(2, clock->now()), blocked); });
      wait_until([&] { return blocked.load(); });
      EXPECT_EQ(inbox.try_take(sample), Taken::Sample);
      EXPECT_EQ(sample.dropped, 1U);
      inbox.close();
    }
    expect_books(inbox);
    const EdgeStats stats = inbox.stats().at(0);
    EXPECT_EQ(stats.passed_in, 3U);
    EXPECT_EQ(stats.delivered, 1U);
    EXPECT_EQ(drops_of(stats, DropCause::Stop), 1U);
  }
}

TEST(Inbox, OneProducerPerEdgeAndOneConsumerLoseNothing) {
  constexpr int kEdges = 3;
  constexpr int kSamples = kSanitized ? 2000 : 20000;
  Inbox inbox("merge", Clock::real());
  std::vector<EdgeRef> edges;
  for (int i = 0; i < kEdges; ++i) {
    edges.push_back(
        inbox.add_edge({i, "parent " + std::to_string(i), Queue{1 + 3 * i, WhenFull::Block}, {}}));
  }
  std::int64_t next[kEdges] = {};
  {
    std::vector<std::jthread> producers;
    for (int source = 0; source < kEdges; ++source) {
      producers.emplace_back([&inbox, &edges, source] {
        auto& edge = *edges[static_cast<std::size_t>(source)];
        std::atomic<bool> blocked{false};
        for (int i = 0; i < kSamples; ++i) {
          auto sample = sample_of(i);
          sample.stamp.source = source;
          inbox.put(edge, std::move(sample), blocked);
        }
        inbox.end(edge);
      });
    }
    AnySample sample;
    while (inbox.take(sample, TimePoint::max()) == Taken::Sample) {
      EXPECT_EQ(sample.stamp.seq, next[sample.stamp.source]++);
    }
  }
  for (const std::int64_t count : next) EXPECT_EQ(count, kSamples);
  EXPECT_TRUE(inbox.ended());
  expect_books(inbox);
}

TEST(Inbox, TakeSaysNothingAtItsDeadlineAndEndedAfterClose) {
  const auto clock = std::make_shared<SimulatedClock>();
  Inbox inbox("sink", clock);
  inbox.add_edge({0, "source", kLatest, {}});
  AnySample sample;
  EXPECT_EQ(inbox.take(sample, clock->now()), Taken::Nothing);
  EXPECT_EQ(inbox.take(sample, TimePoint::min()), Taken::Nothing);
  inbox.close();
  EXPECT_EQ(inbox.take(sample, TimePoint::max()), Taken::Ended);
  EXPECT_EQ(inbox.take_newest(sample), Taken::Ended);
}

}  // namespace
}  // namespace freshframe::test
