// Lanes of an edge and the gathering of batches, on the simulated clock.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

AnySample sample_of(int source, std::int64_t seq, TimePoint captured = {}) {
  return {{seq, 0, captured, source}, {}, ValueRef::make<int>(static_cast<int>(seq)), 0};
}

// (source, seq) of each sample.
std::vector<std::pair<int, std::int64_t>> names(const std::vector<AnySample>& samples) {
  std::vector<std::pair<int, std::int64_t>> result;
  for (const auto& sample : samples) result.emplace_back(sample.stamp.source, sample.stamp.seq);
  return result;
}
using Names = std::vector<std::pair<int, std::int64_t>>;

Taken take_batch(Inbox& inbox, std::vector<AnySample>& samples, const Batch& batch) {
  std::optional<TimePoint> until;
  return inbox.take_batch(samples, batch, until, TimePoint::max());
}

// An inbox on a simulated clock, and a thread that gathers batches from it.
struct Gathering {
  explicit Gathering(std::vector<core::EdgeSetup> edges) {
    for (auto& edge : edges) refs.push_back(inbox.add_edge(std::move(edge)));
  }
  void put(int edge, AnySample sample) { inbox.put(of(edge), std::move(sample), blocked); }
  [[nodiscard]] Edge& of(int edge) { return *refs[static_cast<std::size_t>(edge)]; }
  void gather(Batch batch) {
    returned.store(false);
    thread = std::jthread([this, batch] {
      taken = take_batch(inbox, samples, batch);
      returned.store(true);
    });
  }
  Taken join() {
    thread.join();
    expect_books(inbox.stats());
    return taken;
  }

  std::shared_ptr<SimulatedClock> clock = std::make_shared<SimulatedClock>();
  Inbox inbox{"batch", clock};
  std::vector<EdgeRef> refs;
  std::atomic<bool> blocked{false};
  std::atomic<bool> returned{false};
  std::vector<AnySample> samples;
  Taken taken = Taken::Nothing;
  std::jthread thread;
};

TEST(Lanes, ABurstOfResultsOfSeveralSourcesLeavesTheNewestOfEach) {
  Gathering at({{.parent = 0, .parent_name = "detector", .queue = kLatest, .sources = {3, 4, 7}}});
  for (std::int64_t seq = 0; seq < 5; ++seq) {
    for (const int source : {3, 4, 7}) at.put(0, sample_of(source, seq));
  }
  const auto stats = at.inbox.stats().at(0);
  EXPECT_EQ(stats.waiting, 3U);
  EXPECT_EQ(stats.source_count, 3U);
  EXPECT_EQ(drops_of(stats, DropCause::QueueFull), 12U);
  AnySample sample;
  for (const int source : {3, 4, 7}) {
    ASSERT_EQ(at.inbox.take(sample, kWithoutWait), Taken::Sample);
    EXPECT_EQ(sample.stamp.source, source);
    EXPECT_EQ(sample.stamp.seq, 4);
    EXPECT_EQ(sample.dropped, 4U);  // only the drops of this source
  }
  EXPECT_EQ(at.inbox.take(sample, kWithoutWait), Taken::Nothing);
}

TEST(Lanes, AFastSourceDoesNotEvictASlowOneAndBothAreServedInTurn) {
  Gathering at(
      {{.parent = 0, .parent_name = "merge", .queue = Queue{2, WhenFull::DropOldest}, .sources = {0, 1}}});
  at.put(0, sample_of(1, 100));
  for (std::int64_t seq = 0; seq < 9; ++seq) at.put(0, sample_of(0, seq));
  at.put(0, sample_of(1, 101));
  std::vector<AnySample> all(4);
  for (auto& sample : all) ASSERT_EQ(at.inbox.take(sample, kWithoutWait), Taken::Sample);
  EXPECT_EQ(names(all), (Names{{0, 7}, {1, 100}, {0, 8}, {1, 101}}));
}

TEST(Lanes, ABlockingEdgeHoldsItsDepthOfEachSource) {
  Gathering at(
      {{.parent = 0, .parent_name = "merge", .queue = Queue{1, WhenFull::Block}, .sources = {0, 1}}});
  at.put(0, sample_of(0, 0));
  EXPECT_TRUE(at.inbox.would_wait(at.of(0)));  // waits for the next sample of source 0
  at.put(0, sample_of(1, 0));                  // does not wait
  std::jthread producer([&] { at.put(0, sample_of(0, 1)); });
  wait_until([&] { return at.blocked.load(); });
  AnySample sample;
  EXPECT_EQ(at.inbox.take(sample, kWithoutWait), Taken::Sample);
  EXPECT_EQ(sample.stamp.source, 0);
  producer.join();
  EXPECT_EQ(at.inbox.stats().at(0).waiting, 2U);
}

TEST(TakeBatch, ReturnsAtOnceWhatWaitsWithoutMaxWait) {
  Gathering at({{0, "a", Queue{4}, {}}, {1, "b", Queue{4}, {}}});
  for (std::int64_t seq = 0; seq < 3; ++seq) at.put(0, sample_of(0, seq));
  at.put(1, sample_of(1, 0));
  at.gather({.size = 8});
  EXPECT_EQ(at.join(), Taken::Sample);
  EXPECT_EQ(names(at.samples), (Names{{0, 0}, {1, 0}, {0, 1}, {0, 2}}));
}

TEST(TakeBatch, TakesNoMoreThanItsSizeAndGoesOnInTurn) {
  Gathering at({{0, "a", Queue{4}, {}}, {1, "b", Queue{4}, {}}, {2, "c", Queue{4}, {}}});
  for (int edge = 0; edge < 3; ++edge) {
    for (std::int64_t seq = 0; seq < 2; ++seq) at.put(edge, sample_of(edge, seq));
  }
  const Batch batch{.size = 2};
  EXPECT_EQ(take_batch(at.inbox, at.samples, batch), Taken::Sample);
  EXPECT_EQ(names(at.samples), (Names{{0, 0}, {1, 0}}));
  EXPECT_EQ(take_batch(at.inbox, at.samples, batch), Taken::Sample);
  EXPECT_EQ(names(at.samples), (Names{{2, 0}, {0, 1}}));
  EXPECT_EQ(take_batch(at.inbox, at.samples, batch), Taken::Sample);
  EXPECT_EQ(names(at.samples), (Names{{1, 1}, {2, 1}}));
}

TEST(TakeBatch, WaitsForMoreByThePipelinesClock) {
  Gathering at({{0, "a", kLatest, {}}, {1, "b", kLatest, {}}});
  at.put(0, sample_of(0, 0));
  at.gather({.size = 8, .max_wait = 5.0});
  at.clock->wait_for_sleepers(1);
  at.clock->advance(Seconds{4.9});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(at.returned.load());
  at.clock->advance(Seconds{0.2});
  EXPECT_EQ(at.join(), Taken::Sample);
  EXPECT_EQ(names(at.samples), (Names{{0, 0}}));
}

TEST(TakeBatch, IsCompleteWhenTheOpenEdgesCanHoldNoMore) {
  Gathering at({{0, "a", kLatest, {}}, {1, "b", kLatest, {}}, {2, "ended", kLatest, {}}});
  at.inbox.end_edge(at.of(2));
  // Makes both lanes known: a batch never waits for a lane that has had no sample and no drop.
  at.put(0, sample_of(0, 0));
  at.put(1, sample_of(1, 0));
  at.gather({.size = 8, .max_wait = 1000});
  EXPECT_EQ(at.join(), Taken::Sample);
  at.put(0, sample_of(0, 1));
  at.gather({.size = 8, .max_wait = 1000});
  at.clock->wait_for_sleepers(1);
  at.put(0, sample_of(0, 2));  // LATEST: replaces the waiting sample
  EXPECT_FALSE(at.returned.load());
  at.put(1, sample_of(1, 1));
  EXPECT_EQ(at.join(), Taken::Sample);
  EXPECT_EQ(names(at.samples), (Names{{0, 2}, {1, 1}}));
  EXPECT_EQ(drops_of(at.inbox.stats().at(0), DropCause::QueueFull), 1U);
}

TEST(TakeBatch, ReturnsTheLastOnesAtTheEnd) {
  Gathering at({{0, "a", Queue{8}, {}}});
  at.put(0, sample_of(0, 0));
  at.put(0, sample_of(0, 1));
  at.gather({.size = 8, .max_wait = 1000});
  at.clock->wait_for_sleepers(1);
  at.inbox.end_edge(at.of(0));
  EXPECT_EQ(at.join(), Taken::Sample);
  EXPECT_EQ(at.samples.size(), 2U);
  at.gather({.size = 8, .max_wait = 1000});
  EXPECT_EQ(at.join(), Taken::Ended);
  EXPECT_TRUE(at.samples.empty());
}

TEST(TakeBatch, DropsAsStopWhatItHasGatheredWhenTheInboxCloses) {
  Gathering at({{0, "a", Queue{8}, {}}, {1, "b", Queue{8}, {}}});
  at.put(0, sample_of(0, 0));
  at.put(1, sample_of(1, 0));
  at.gather({.size = 8, .max_wait = 1000});
  at.clock->wait_for_sleepers(1);
  at.inbox.close();
  EXPECT_EQ(at.join(), Taken::Ended);
  EXPECT_TRUE(at.samples.empty());
  for (const auto& edge : at.inbox.stats()) EXPECT_EQ(drops_of(edge, DropCause::Stop), 1U);
}

TEST(TakeBatch, ARecordersLastOnesAreTakenAfterAStop) {
  Gathering at({{0, "a", Queue{8}, {}}});
  at.put(0, sample_of(0, 0));
  at.gather({.size = 8, .max_wait = 1000});
  at.clock->wait_for_sleepers(1);
  at.inbox.close(Closing::ForNew, at.clock->now() + std::chrono::seconds(2000));
  EXPECT_EQ(at.join(), Taken::Sample);
  EXPECT_EQ(at.samples.size(), 1U);
}

TEST(TakeBatch, JudgesTheAgeWhenTheBatchIsTaken) {
  Gathering at({{0, "a", Queue{8}, 10.0}, {1, "b", Queue{8}, 10.0}});
  at.put(0, sample_of(0, 0, at.clock->now()));
  at.gather({.size = 8, .max_wait = 15});
  at.clock->wait_for_sleepers(1);
  at.clock->advance(Seconds{8});
  at.put(1, sample_of(1, 0, at.clock->now()));
  at.clock->advance(Seconds{8});  // the first sample is now 16 s old, the second 8 s
  EXPECT_EQ(at.join(), Taken::Sample);
  EXPECT_EQ(names(at.samples), (Names{{1, 0}}));
  EXPECT_EQ(drops_of(at.inbox.stats().at(0), DropCause::Stale), 1U);
}

TEST(TakeBatch, WaitsOnWhenAllThatItGatheredIsStale) {
  Gathering at({{0, "a", Queue{8}, 1.0}});
  at.put(0, sample_of(0, 0, at.clock->now()));
  at.gather({.size = 8, .max_wait = 5});
  at.clock->wait_for_sleepers(1);
  at.clock->advance(Seconds{6});
  wait_until([&] { return drops_of(at.inbox.stats().at(0), DropCause::Stale) == 1; });
  at.put(0, sample_of(0, 1, at.clock->now()));
  at.inbox.end_edge(at.of(0));
  EXPECT_EQ(at.join(), Taken::Sample);
  EXPECT_EQ(names(at.samples), (Names{{0, 1}}));
  EXPECT_EQ(at.samples.at(0).dropped, 1U);
}

TEST(TakeBatch, WithoutWaitingSaysWhenToComeAgain) {
  Gathering at({{0, "a", Queue{8}, {}}});
  const Batch batch{.size = 3, .max_wait = 2};
  std::optional<TimePoint> until;
  EXPECT_EQ(at.inbox.take_batch(at.samples, batch, until, kWithoutWait), Taken::Nothing);
  EXPECT_FALSE(until);
  at.put(0, sample_of(0, 0));
  EXPECT_EQ(at.inbox.take_batch(at.samples, batch, until, kWithoutWait), Taken::Nothing);
  ASSERT_TRUE(until);
  EXPECT_EQ(*until, at.clock->now() + to_duration(Seconds{2}));
  at.clock->advance(Seconds{1});
  EXPECT_EQ(at.inbox.take_batch(at.samples, batch, until, kWithoutWait), Taken::Nothing);
  at.clock->advance(Seconds{1});
  EXPECT_EQ(at.inbox.take_batch(at.samples, batch, until, kWithoutWait), Taken::Sample);
  EXPECT_EQ(at.samples.size(), 1U);
  EXPECT_FALSE(until);
}

TEST(TakeBatch, WaitsForASilentLaneOnceAndAgainWhenItHasComeBack) {
  Gathering at({{.parent = 0, .parent_name = "a", .queue = kLatest, .sources = {0}},
                {.parent = 1, .parent_name = "b", .queue = kLatest, .sources = {1}}});
  const Batch batch{.size = 2, .max_wait = 0.1};
  std::optional<TimePoint> until;
  const auto take = [&] { return at.inbox.take_batch(at.samples, batch, until, kWithoutWait); };
  at.put(0, sample_of(0, 0));
  EXPECT_EQ(take(), Taken::Nothing);  // waits for b, which may be about to start
  at.clock->advance(Seconds{0.2});
  EXPECT_EQ(take(), Taken::Sample);
  for (int seq = 1; seq < 5; ++seq) {
    at.put(0, sample_of(0, seq));
    EXPECT_EQ(take(), Taken::Sample);
    EXPECT_EQ(names(at.samples), (Names{{0, seq}}));
  }
  at.put(1, sample_of(1, 0));
  EXPECT_EQ(take(), Taken::Nothing);  // now for a
  at.put(0, sample_of(0, 5));
  EXPECT_EQ(take(), Taken::Sample);
  at.put(0, sample_of(0, 6));
  EXPECT_EQ(take(), Taken::Nothing);  // waits for b again
  at.put(1, sample_of(1, 1));
  EXPECT_EQ(take(), Taken::Sample);
  EXPECT_EQ(at.samples.size(), 2U);
}

TEST(TakeBatch, ALaneThatNeverHadASampleCostsAnotherAtMostOne) {
  for (const auto& queue : {kLatest, Queue{1, WhenFull::DropNewest}}) {
    Gathering at({{.parent = 0, .parent_name = "a", .queue = queue, .sources = {0}},
                  {.parent = 1, .parent_name = "b", .queue = queue, .sources = {1}}});
    int told = 0;
    at.inbox.set_ready_hook([&] { ++told; });
    const Batch batch{.size = 2, .max_wait = 10};
    std::optional<TimePoint> until;
    const auto take = [&] { return at.inbox.take_batch(at.samples, batch, until, kWithoutWait); };
    at.put(0, sample_of(0, 0));
    EXPECT_EQ(take(), Taken::Nothing);  // waits for b, which may be about to start
    at.put(0, sample_of(0, 1));
    EXPECT_EQ(told, 2);
    EXPECT_EQ(take(), Taken::Sample);
    EXPECT_EQ(at.samples.size(), 1U);
    for (int seq = 2; seq < 5; ++seq) {
      at.put(0, sample_of(0, seq));
      EXPECT_EQ(take(), Taken::Sample);
      EXPECT_EQ(names(at.samples), (Names{{0, seq}}));
    }
    EXPECT_EQ(at.inbox.stats().at(0).dropped, 1U);
    at.put(1, sample_of(1, 0));
    EXPECT_EQ(take(), Taken::Nothing);  // now waits for a, which has had a sample
  }
}

TEST(TakeBatch, AConsumerThatWaitsForALaneThatNeverHadASampleIsWoken) {
  Gathering at({{.parent = 0, .parent_name = "a", .queue = kLatest, .sources = {0}},
                {.parent = 1, .parent_name = "b", .queue = kLatest, .sources = {1}}});
  at.gather({.size = 2, .max_wait = 10});
  std::int64_t seq = 0;
  wait_until([&] {
    if (!at.returned) at.put(0, sample_of(0, seq++));
    return at.returned.load();
  });
  EXPECT_EQ(at.join(), Taken::Sample);
}

TEST(TakeBatch, WaitsForALaneThatIsSilentForLessThanThreeOfItsIntervals) {
  Gathering at({{.parent = 0, .parent_name = "a", .queue = kLatest, .sources = {0}},
                {.parent = 1, .parent_name = "b", .queue = kLatest, .sources = {1}}});
  const Batch batch{.size = 2, .max_wait = 0.1};
  std::optional<TimePoint> until;
  const auto take = [&] { return at.inbox.take_batch(at.samples, batch, until, kWithoutWait); };
  for (int seq = 0; seq < 4; ++seq) {  // both once a second
    at.put(0, sample_of(0, seq));
    at.put(1, sample_of(1, seq));
    ASSERT_EQ(take(), Taken::Sample);
    at.clock->advance(Seconds{1});
  }
  int waits = 0;  // waits only for a, ten times per second
  for (int i = 0; i < 40; ++i) {
    at.put(0, sample_of(0, 4 + i));
    if (take() == Taken::Nothing) {
      ++waits;
      at.clock->advance(Seconds{0.1});
      ASSERT_EQ(take(), Taken::Sample);
    } else {
      at.clock->advance(Seconds{0.1});
    }
  }
  EXPECT_EQ(waits, 20);  // from 1 s after the last sample of b until 3 s after it
}

TEST(TakeBatch, ProducersAndABatchConsumerLoseNothing) {
  constexpr int kEdges = 3;
  constexpr std::int64_t kSamples = kSanitized ? 2000 : 20000;
  Inbox inbox("batch", Clock::real());
  std::vector<EdgeRef> edges;
  for (int i = 0; i < kEdges; ++i)
    edges.push_back(inbox.add_edge({i, "p", Queue{1 + 3 * i, WhenFull::Block}, {}}));
  std::int64_t next[kEdges] = {};
  {
    std::vector<std::jthread> producers;
    for (int source = 0; source < kEdges; ++source) {
      producers.emplace_back([&inbox, &edges, source] {
        auto& edge = *edges[static_cast<std::size_t>(source)];
        std::atomic<bool> blocked{false};
        for (std::int64_t seq = 0; seq < kSamples; ++seq) inbox.put(edge, sample_of(source, seq), blocked);
        inbox.end_edge(edge);
      });
    }
    std::vector<AnySample> samples;
    while (take_batch(inbox, samples, {.size = 5, .max_wait = 1e-4}) == Taken::Sample) {
      EXPECT_LE(samples.size(), 5U);
      for (const auto& sample : samples) EXPECT_EQ(sample.stamp.seq, next[sample.stamp.source]++);
    }
  }
  for (const auto count : next) EXPECT_EQ(count, kSamples);
  EXPECT_TRUE(has_ended(inbox));
}

}  // namespace
}  // namespace freshframe::test
