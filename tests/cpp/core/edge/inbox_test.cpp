// Tests the bounded queue alone, for races that occur too rarely in a whole pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/inbox.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
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
    EXPECT_EQ(inbox.take(sample, kWithoutWait),
              Taken::Nothing);  // stale: counts as one drop, which the next sample reports
    inbox.put(*edge, sample_of(1, clock->now()), blocked);
    {
      const std::jthread producer([&] { inbox.put(*edge, sample_of(2, clock->now()), blocked); });
      wait_until([&] { return blocked.load(); });
      EXPECT_EQ(inbox.take(sample, kWithoutWait), Taken::Sample);
      EXPECT_EQ(sample.dropped, 1U);
      inbox.close();
    }
    expect_books(inbox.stats());
    const EdgeStats stats = inbox.stats().at(0);
    EXPECT_EQ(stats.passed_in, 3U);
    EXPECT_EQ(stats.delivered, 1U);
    EXPECT_EQ(drops_of(stats, DropCause::Stop), 1U);
  }
}

TEST(Inbox, OnlyLastResultsWaitForRoomInAStopThatLetsThemPass) {
  const auto clock = std::make_shared<SimulatedClock>();
  Inbox inbox("recorder", clock);
  const auto edge = inbox.add_edge({0, "step", Queue{1, WhenFull::Block}});
  std::atomic<bool> blocked{false};
  inbox.put(*edge, sample_of(0, clock->now()), blocked);
  EXPECT_TRUE(inbox.would_wait(*edge));
  inbox.close(Closing::ForNew, clock->now() + std::chrono::seconds(10));
  EXPECT_FALSE(inbox.would_wait(*edge)) << "it would be dropped";
  EXPECT_TRUE(inbox.would_wait(*edge, true));
  clock->advance(Seconds{10});
  EXPECT_FALSE(inbox.would_wait(*edge, true));
}

TEST(Inbox, ALastResultMayWaitWhereSecondsOrBytesBoundTheQueue) {
  for (const Queue queue : {Queue{.depth = 8, .when_full = WhenFull::Block, .max_seconds = 1},
                            Queue{.depth = 8, .when_full = WhenFull::Block, .max_bytes = 1000},
                            Queue{.depth = 8, .when_full = WhenFull::Block}}) {
    const auto clock = std::make_shared<SimulatedClock>();
    Inbox inbox("recorder", clock);
    const auto edge = inbox.add_edge({0, "step", queue});
    std::atomic<bool> blocked{false};
    EXPECT_FALSE(inbox.would_wait(*edge, true));
    inbox.put(*edge, sample_of(0, clock->now()), blocked);
    EXPECT_FALSE(inbox.would_wait(*edge));
    EXPECT_EQ(inbox.would_wait(*edge, true), queue.max_seconds || queue.max_bytes);
  }
}

TEST(Inbox, KeepsARemovedEdgeUntilTheNextOneIsRemoved) {
  Inbox inbox("sink", Clock::real());
  std::atomic<bool> blocked{false};
  std::weak_ptr<Edge> before;
  for (std::int64_t seq = 0; seq < 4; ++seq) {
    const auto edge = inbox.add_edge({0, "step", Queue{1}});
    inbox.put(*edge, sample_of(seq), blocked);
    AnySample sample;
    EXPECT_EQ(inbox.take(sample, kWithoutWait), Taken::Sample);
    EXPECT_EQ(inbox.remove_edge(edge).delivered, 1U);
    EXPECT_TRUE(before.expired());
    before = edge;
  }
}

TEST(Inbox, HasFramesForTheQueueOfEachSourceAndOneInItsConsumersHands) {
  Inbox inbox("sink", Clock::real());
  const auto edge = inbox.add_edge({.parent_name = "merge", .queue = Queue{4}, .sources = {0, 1}});
  EXPECT_EQ(frame_bound(inbox), 9);
  inbox.add_source(*edge, {.source = 2});
  EXPECT_EQ(frame_bound(inbox), 13);
  inbox.add_edge({.parent_name = "camera", .queue = Queue{1}});
  EXPECT_EQ(frame_bound(inbox), 15);
}

// The consumer takes `taken` of every three of 30 samples per second. Returns the longest gap between two
// taken samples, in samples.
std::int64_t longest_gap(int taken, std::int64_t count) {
  const auto clock = std::make_shared<SimulatedClock>();
  Inbox inbox("recorder", clock);
  const auto edge = inbox.add_edge({0, "camera", kRecording});
  std::atomic<bool> blocked{false};
  AnySample sample;
  std::int64_t last = 0;
  std::int64_t longest = 0;
  for (std::int64_t seq = 0; seq < count; ++seq) {
    inbox.put(*edge, sample_of(seq, TimePoint() + to_duration(Seconds(static_cast<double>(seq) / 30))),
              blocked);
    if (seq % 3 >= taken || inbox.take(sample, kWithoutWait) != Taken::Sample) continue;
    longest = std::max(longest, sample.stamp.seq - last);
    last = sample.stamp.seq;
  }
  expect_books(inbox.stats());
  const auto stats = inbox.stats().at(0);
  EXPECT_NEAR(static_cast<double>(stats.waiting), 60, 1);
  EXPECT_EQ(drops_of(stats, DropCause::QueueFull), stats.passed_in - stats.delivered - stats.waiting);
  return longest;
}

TEST(Inbox, OfARecorderThatIsTooSlowLosesEvenly) {
  EXPECT_LE(longest_gap(2, 3000), 3);
  EXPECT_LE(longest_gap(1, 3000), 4);
}

TEST(Inbox, OfARecorderThatStandsStillKeepsTheFirstTwoSecondsAndGoesOnAtOnce) {
  const auto clock = std::make_shared<SimulatedClock>();
  Inbox inbox("recorder", clock);
  const auto edge = inbox.add_edge({0, "camera", kRecording});
  std::atomic<bool> blocked{false};
  const auto put = [&](std::int64_t seq) {
    inbox.put(*edge, sample_of(seq, TimePoint() + to_duration(Seconds(static_cast<double>(seq) / 32))),
              blocked);
  };
  for (std::int64_t seq = 0; seq < 320; ++seq) put(seq);
  EXPECT_EQ(inbox.stats().at(0).waiting, 65U);
  AnySample sample;
  EXPECT_EQ(inbox.take(sample, kWithoutWait), Taken::Sample);
  put(320);
  put(321);
  EXPECT_EQ(inbox.stats().at(0).waiting, 65U) << "there was room for one";
  while (inbox.take(sample, kWithoutWait) == Taken::Sample) continue;
  EXPECT_EQ(sample.stamp.seq, 320);
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
        inbox.end_edge(edge);
      });
    }
    AnySample sample;
    while (inbox.take(sample, TimePoint::max()) == Taken::Sample) {
      EXPECT_EQ(sample.stamp.seq, next[sample.stamp.source]++);
    }
  }
  for (const std::int64_t count : next) EXPECT_EQ(count, kSamples);
  EXPECT_TRUE(has_ended(inbox));
  expect_books(inbox.stats());
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
  EXPECT_EQ(inbox.take(sample, kWithoutWait, Pick::kNewest), Taken::Ended);
}

class NewestOfSeveral : public testing::Test {
 public:
  NewestOfSeveral() {
    for (const auto* name : {"left", "right"})
      edges_.push_back(inbox_.add_edge({static_cast<int>(edges_.size()), name, Queue{4}, {}}));
  }
  // Each source's `pts` starts at its own zero, so it cannot be compared here.
  void put(int source, int seq, double captured, double pts = 0) {
    auto sample = sample_of(seq, TimePoint(to_duration(Seconds(captured))));
    sample.stamp.source = source;
    sample.stamp.pts = pts;
    inbox_.put(*edges_[static_cast<std::size_t>(source)], std::move(sample), blocked_);
  }
  // The number of the newest sample, or -1.
  int newest() {
    AnySample sample;
    if (inbox_.take(sample, kWithoutWait, given_) != Taken::Sample) return -1;
    given_ = {.newest = true, .source = sample.stamp.source, .captured = sample.stamp.captured};
    return static_cast<int>(sample.stamp.seq);
  }
  ~NewestOfSeveral() override { expect_books(inbox_.stats()); }

  Inbox inbox_{"reader", std::make_shared<SimulatedClock>()};
  std::vector<EdgeRef> edges_;
  std::atomic<bool> blocked_{false};
  Pick given_ = Pick::kNewest;
};

TEST_F(NewestOfSeveral, IsTheOneThatWasCapturedLast) {
  put(0, 10, 1.0, 900);
  put(0, 11, 1.3, 901);
  put(1, 20, 2.0, 1);
  EXPECT_EQ(newest(), 20);
  EXPECT_EQ(newest(), -1) << "an older sample came after a newer one";
  put(1, 21, 2.1);
  put(0, 12, 2.2);
  EXPECT_EQ(newest(), 12);
  const auto stats = inbox_.stats();
  EXPECT_EQ(drops_of(stats.at(0), DropCause::Skipped), 2U);
  EXPECT_EQ(drops_of(stats.at(1), DropCause::Skipped), 1U);
}

TEST_F(NewestOfSeveral, IsNeverOlderThanTheLastOneOfAnotherSource) {
  put(1, 20, 2.0);
  EXPECT_EQ(newest(), 20);
  put(0, 10, 1.4);  // left by a camera that is disconnected
  EXPECT_EQ(newest(), -1);
  EXPECT_EQ(drops_of(inbox_.stats().at(0), DropCause::Skipped), 1U);
  put(1, 21, 1.9);  // a source may set its own clock back
  EXPECT_EQ(newest(), 21);
  put(0, 11, 1.95);
  EXPECT_EQ(newest(), 11);
}

TEST_F(NewestOfSeveral, GivesRoomToEachEdge) {
  for (int i = 0; i < 4; ++i) put(0, 10 + i, 1.0 + i);
  for (int i = 0; i < 4; ++i) put(1, 20 + i, 2.5 + i);
  EXPECT_EQ(newest(), 23);
  for (const auto& edge : inbox_.stats()) EXPECT_EQ(edge.waiting, 0U);
  put(0, 14, 6.0);
  put(1, 24, 6.0);  // two samples have the same timestamp: the next lane in turn
  EXPECT_EQ(newest(), 14);
}

}  // namespace
}  // namespace freshframe::test
