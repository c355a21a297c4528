// Batches: gathering on the simulated clock, results, failures, counters.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
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

// An inbox on a simulated clock, and a thread that gathers.
struct Gathering {
  explicit Gathering(std::vector<Inbox::EdgeOptions> edges) {
    for (auto& edge : edges) inbox.add_edge(std::move(edge));
  }
  void put(int edge, AnySample sample) { inbox.put(edge, std::move(sample), blocked); }
  void gather(Batch batch) {
    thread = std::jthread([this, batch] {
      taken = inbox.take_batch(samples, batch);
      returned.store(true);
    });
  }
  Taken join() {
    thread.join();
    Stats stats;
    stats.edges = inbox.stats();
    expect_books(stats);
    return taken;
  }

  std::shared_ptr<SimulatedClock> clock = std::make_shared<SimulatedClock>();
  Inbox inbox{"batch", clock};
  std::atomic<bool> blocked{false};
  std::atomic<bool> returned{false};
  std::vector<AnySample> samples;
  Taken taken = Taken::Nothing;
  std::jthread thread;
};

TEST(Lanes, ABurstOfResultsOfSeveralSourcesLeavesTheNewestOfEach) {
  Gathering at({{0, "detector", kLatest, {}, {3, 4, 7}}});
  for (std::int64_t seq = 0; seq < 5; ++seq) {
    for (const int source : {3, 4, 7}) at.put(0, sample_of(source, seq));
  }
  const auto stats = at.inbox.stats().at(0);
  EXPECT_EQ(stats.waiting, 3U);
  EXPECT_EQ(stats.sources, 3U);
  EXPECT_EQ(drops_of(stats, DropCause::QueueFull), 12U);
  AnySample sample;
  for (const int source : {3, 4, 7}) {
    ASSERT_EQ(at.inbox.try_take(sample), Taken::Sample);
    EXPECT_EQ(sample.stamp.source, source);
    EXPECT_EQ(sample.stamp.seq, 4);
    EXPECT_EQ(sample.dropped, 4U);  // of this source
  }
  EXPECT_EQ(at.inbox.try_take(sample), Taken::Nothing);
}

TEST(Lanes, AFastSourceDoesNotEvictASlowOneAndBothAreServedInTurn) {
  Gathering at({{0, "merge", Queue{2, WhenFull::DropOldest}, {}, {0, 1}}});
  at.put(0, sample_of(1, 100));
  for (std::int64_t seq = 0; seq < 9; ++seq) at.put(0, sample_of(0, seq));
  at.put(0, sample_of(1, 101));
  std::vector<AnySample> all(4);
  for (auto& sample : all) ASSERT_EQ(at.inbox.try_take(sample), Taken::Sample);
  EXPECT_EQ(names(all), (Names{{0, 7}, {1, 100}, {0, 8}, {1, 101}}));
}

TEST(Lanes, ABlockingEdgeHoldsItsDepthOfEachSource) {
  Gathering at({{0, "merge", Queue{1, WhenFull::Block}, {}, {0, 1}}});
  at.put(0, sample_of(0, 0));
  EXPECT_TRUE(at.inbox.would_wait(0));  // for the next one of source 0
  at.put(0, sample_of(1, 0));           // does not wait
  std::jthread producer([&] { at.put(0, sample_of(0, 1)); });
  wait_until([&] { return at.blocked.load(); });
  AnySample sample;
  EXPECT_EQ(at.inbox.try_take(sample), Taken::Sample);
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
  EXPECT_EQ(at.inbox.take_batch(at.samples, batch), Taken::Sample);
  EXPECT_EQ(names(at.samples), (Names{{0, 0}, {1, 0}}));
  EXPECT_EQ(at.inbox.take_batch(at.samples, batch), Taken::Sample);
  EXPECT_EQ(names(at.samples), (Names{{2, 0}, {0, 1}}));
  EXPECT_EQ(at.inbox.take_batch(at.samples, batch), Taken::Sample);
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
  at.inbox.end(2);
  at.put(0, sample_of(0, 0));
  at.gather({.size = 8, .max_wait = 1000});
  at.clock->wait_for_sleepers(1);
  at.put(0, sample_of(0, 1));  // LATEST: in place of the one that waits
  EXPECT_FALSE(at.returned.load());
  at.put(1, sample_of(1, 0));
  EXPECT_EQ(at.join(), Taken::Sample);
  EXPECT_EQ(names(at.samples), (Names{{0, 1}, {1, 0}}));
  EXPECT_EQ(drops_of(at.inbox.stats().at(0), DropCause::QueueFull), 1U);
}

TEST(TakeBatch, ReturnsTheLastOnesAtTheEnd) {
  Gathering at({{0, "a", Queue{8}, {}}});
  at.put(0, sample_of(0, 0));
  at.put(0, sample_of(0, 1));
  at.gather({.size = 8, .max_wait = 1000});
  at.clock->wait_for_sleepers(1);
  at.inbox.end(0);
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
  at.inbox.close_for_new(at.clock->now() + std::chrono::seconds(2000));
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
  at.clock->advance(Seconds{8});  // the first is 16 s old now, the second 8 s
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
  at.inbox.end(0);
  EXPECT_EQ(at.join(), Taken::Sample);
  EXPECT_EQ(names(at.samples), (Names{{0, 1}}));
  EXPECT_EQ(at.samples.at(0).dropped, 1U);
}

TEST(TakeBatch, WithoutWaitingSaysWhenToComeAgain) {
  Gathering at({{0, "a", Queue{8}, {}}});
  const Batch batch{.size = 3, .max_wait = 2};
  std::optional<TimePoint> until;
  EXPECT_EQ(at.inbox.try_take_batch(at.samples, batch, until), Taken::Nothing);
  EXPECT_FALSE(until);
  at.put(0, sample_of(0, 0));
  EXPECT_EQ(at.inbox.try_take_batch(at.samples, batch, until), Taken::Nothing);
  ASSERT_TRUE(until);
  EXPECT_EQ(*until, at.clock->now() + to_duration(Seconds{2}));
  at.clock->advance(Seconds{1});
  EXPECT_EQ(at.inbox.try_take_batch(at.samples, batch, until), Taken::Nothing);
  at.clock->advance(Seconds{1});
  EXPECT_EQ(at.inbox.try_take_batch(at.samples, batch, until), Taken::Sample);
  EXPECT_EQ(at.samples.size(), 1U);
  EXPECT_FALSE(until);
}

TEST(TakeBatch, ProducersAndABatchConsumerLoseNothing) {
  constexpr int kEdges = 3;
  constexpr std::int64_t kSamples = kSanitized ? 2000 : 20000;
  Inbox inbox("batch", Clock::real());
  for (int i = 0; i < kEdges; ++i) inbox.add_edge({i, "p", Queue{1 + 3 * i, WhenFull::Block}, {}});
  std::int64_t next[kEdges] = {};
  {
    std::vector<std::jthread> producers;
    for (int edge = 0; edge < kEdges; ++edge) {
      producers.emplace_back([&inbox, edge] {
        std::atomic<bool> blocked{false};
        for (std::int64_t seq = 0; seq < kSamples; ++seq) inbox.put(edge, sample_of(edge, seq), blocked);
        inbox.end(edge);
      });
    }
    std::vector<AnySample> samples;
    while (inbox.take_batch(samples, {.size = 5, .max_wait = 1e-4}) == Taken::Sample) {
      EXPECT_LE(samples.size(), 5U);
      for (const auto& sample : samples) EXPECT_EQ(sample.stamp.seq, next[sample.stamp.source]++);
    }
  }
  for (const auto count : next) EXPECT_EQ(count, kSamples);
  EXPECT_TRUE(inbox.ended());
}

// ---- in a pipeline

using Results = std::vector<std::optional<int>>;

class Batches final : public BatchNode<int, int> {
 public:
  using Function = std::function<Results(std::span<const Sample<int>>, const Context&)>;
  explicit Batches(Function function) : function_(std::move(function)) {}
  std::vector<std::optional<int>> process_batch(std::span<const Sample<int>> samples,
                                                const Context& context) override {
    return function_(samples, context);
  }

 private:
  Function function_;
};

std::unique_ptr<Batches> batches(Batches::Function function) {
  return std::make_unique<Batches>(std::move(function));
}
Results doubled(std::span<const Sample<int>> samples, const Context& /*context*/) {
  Results results;
  for (const auto& sample : samples) results.emplace_back(2 * sample.value);
  return results;
}

TEST(BatchNode, GetsEverySampleOfAFileInOrderAndTheLastPartialBatch) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(50));
  const auto node = pipeline.add(batches(doubled), source, {.name = "batch", .batch = Batch{8, 1000}});
  pipeline.add(collect_into<int>(seen), node);
  EXPECT_TRUE(pipeline.run().complete);  // max_wait never passes: the end completes the last batch
  const auto all = seen.all();
  ASSERT_EQ(all.size(), 50U);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(all[static_cast<std::size_t>(i)].value, 2 * i);
    EXPECT_EQ(all[static_cast<std::size_t>(i)].stamp.seq, i);
  }
  const auto stats = node_of(pipeline, "batch");
  EXPECT_EQ(stats.processed, 50U);
  EXPECT_EQ(stats.batches, (std::map<int, std::uint64_t>{{2, 1}, {8, 6}}));
}

TEST(BatchNode, TheDefaultQueueBelowFilesIsAsDeepAsTheBatch) {
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(3), {.name = "file"});
  pipeline.add(batches(doubled), source, {.name = "large", .batch = Batch{32}});
  pipeline.add(batches(doubled), source, {.name = "small", .batch = Batch{2}});
  pipeline.run();
  EXPECT_EQ(edge_of(pipeline, "file", "large").queue, (Queue{32, WhenFull::Block}));
  EXPECT_EQ(edge_of(pipeline, "file", "small").queue, kLossless);
}

TEST(BatchNode, WithoutABatchGetsOneSampleAtATime) {
  const auto results = test::run_node<int, int>(batches([](auto samples, const Context& context) {
                                                  EXPECT_EQ(samples.size(), 1U);
                                                  return doubled(samples, context);
                                                }),
                                                {1, 2, 3});
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[2].value, 6);
}

TEST(BatchNode, EmitsNothingWhereItHasNoResult) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto node =
      pipeline.add(batches([](auto samples, const Context&) {
                     Results results;
                     for (const auto& sample : samples) {
                       results.push_back(sample.value % 2 == 0 ? std::optional(sample.value) : std::nullopt);
                     }
                     return results;
                   }),
                   pipeline.add(count_source(7)), {.batch = Batch{3}});
  pipeline.add(collect_into<int>(seen), node);
  EXPECT_TRUE(pipeline.run().complete);
  EXPECT_EQ(seqs(seen.all()), (std::vector<std::int64_t>{0, 2, 4, 6}));
}

TEST(BatchNode, AWrongNumberOfResultsFailsTheCall) {
  CheckedPipeline pipeline;
  pipeline.add(batches([](auto samples, const Context&) { return Results(samples.size() + 1, 1); }),
               pipeline.add(count_source(4), {.name = "file"}), {.name = "wrong", .batch = Batch{4, 1000}});
  try {
    pipeline.run();
    ADD_FAILURE() << "run() threw nothing";
  } catch (const NodeError& error) {
    EXPECT_EQ(error.node(), "wrong");
    EXPECT_EQ(error.seq(), 0);
    EXPECT_EQ(error.source(), "file");
    EXPECT_EQ(error.batch(), (std::vector<BatchSample>{{"file", 0}, {"file", 1}, {"file", 2}, {"file", 3}}));
    EXPECT_NE(std::string(error.what()).find("one result per sample: it gave 5 for 4"), std::string::npos)
        << error.what();
    EXPECT_NE(std::string(error.what()).find("on a batch of 4 samples"), std::string::npos) << error.what();
  }
}

TEST(BatchNode, SkipCountsEverySampleOfACallThatThrows) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto node = pipeline.add(batches([calls = 0](auto samples, const Context& context) mutable {
                                   if (++calls == 2) throw std::runtime_error("second call");
                                   return doubled(samples, context);
                                 }),
                                 pipeline.add(count_source(12)),
                                 {.name = "batch", .on_error = OnError::Skip, .batch = Batch{4, 1000}});
  pipeline.add(collect_into<int>(seen), node);
  EXPECT_FALSE(pipeline.run().complete);
  EXPECT_EQ(seqs(seen.all()), (std::vector<std::int64_t>{0, 1, 2, 3, 8, 9, 10, 11}));
  const auto stats = node_of(pipeline, "batch");
  EXPECT_EQ(stats.errors, 1U);
  EXPECT_EQ(stats.drops.at(NodeDropCause::Error), 4U);
  EXPECT_EQ(stats.last_error, "second call");
}

TEST(BatchNode, NoSourceOfEightIsStarved) {
  constexpr int kSources = 8;
  std::atomic<std::uint64_t> counts[kSources] = {};
  CheckedPipeline pipeline;
  std::vector<Port<int>> ports;
  for (int i = 0; i < kSources; ++i) ports.push_back(pipeline.add(count_source(1 << 30, Kind::Live)));
  const auto node = pipeline.add(batches(doubled), ports, {.name = "batch", .batch = Batch{3}});
  pipeline.add(
      make_node<int, Nothing>([&](const Sample<int>& sample, const Context&) -> std::optional<Nothing> {
        ++counts[sample.stamp.source];
        return std::nullopt;
      }),
      node, {.name = "sink"});
  pipeline.start();
  // How often each source's own thread runs is the system's; that its samples pass is the engine's.
  wait_until([&] {
    for (const auto& count : counts) {
      if (count < 50) return false;
    }
    return true;
  });
  pipeline.stop();
  EXPECT_EQ(edge_of(pipeline, "batch", "sink").sources, 8U);
}

TEST(BatchNode, AGateShowsThatTheShareOfEachSourceIsEqual) {
  constexpr int kSources = 8;
  Feed<int> feeds[kSources];
  Gate gate;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  std::vector<Port<int>> ports;
  for (auto& feed : feeds) ports.push_back(pipeline.add(feed_source(feed, Kind::Live)));
  const auto node = pipeline.add(batches(doubled), ports, {.batch = Batch{kSources, 1000}});
  pipeline.add(collect_into<int>(seen), node);
  pipeline.start();
  for (int round = 0; round < 10; ++round) {
    for (auto& feed : feeds) feed.push_and_settle(round);
    seen.wait_for(static_cast<std::size_t>(kSources) *
                  static_cast<std::size_t>(round + 1));  // all eight arrive
  }
  int counts[kSources] = {};
  for (const auto& sample : seen.all()) ++counts[sample.stamp.source];
  for (const int count : counts) EXPECT_EQ(count, 10);
}

TEST(BatchNode, AStopWhileItGathersCountsWhatWaitsAsStop) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live), {.name = "camera"});
  pipeline.add(batches(doubled), source, {.name = "batch", .queue = Queue{8}, .batch = Batch{8, 1000}});
  pipeline.start();
  feed.push_and_settle(1);
  feed.push_and_settle(2);
  pipeline.stop();
  const auto edge = edge_of(pipeline, "camera", "batch");
  EXPECT_EQ(edge.delivered, 0U);
  EXPECT_EQ(drops_of(edge, DropCause::Stop), 2U);
}

TEST(BatchNode, WhatCannotBeIsRefused) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live), {.name = "camera"});
  EXPECT_THROW(pipeline.add(pass_on<int>(), source, {.batch = Batch{2}}), GraphError);
  EXPECT_THROW(pipeline.add(batches(doubled), source, {.queue = kNext, .batch = Batch{2}}), GraphError);
  EXPECT_NO_THROW(pipeline.add(batches(doubled), source, {.queue = kNext, .batch = Batch{1}}));
  EXPECT_THROW(pipeline.add(feed_source(feed, Kind::Live), {.batch = Batch{2}}), GraphError);
  for (const auto& bad : {Batch{0}, Batch{-1}, Batch{kMostBatch + 1}, Batch{2, -0.1}, Batch{2, 1.0 / 0.0}}) {
    EXPECT_THROW(pipeline.add(batches(doubled), source, {.batch = bad}), OptionError);
  }
}

TEST(BatchNode, TheFrameBoundGrowsByItsSize) {
  const auto bound = [](std::optional<Batch> batch) {
    CheckedPipeline pipeline;
    pipeline.add(batches(doubled), pipeline.add(count_source(1)),
                 {.queue = Queue{4, WhenFull::Block}, .batch = batch});
    pipeline.run();
    return pipeline.stats().pool.bound;
  };
  EXPECT_EQ(bound(Batch{8}) - bound({}), 7);
}

// ---- one source of several

TEST(PortOf, PassesInTheSamplesOfOneSourceOnly) {
  Seen<Sample<int>> one;
  Seen<Sample<int>> both;
  CheckedPipeline pipeline;
  const auto a = pipeline.add(count_source(5), {.name = "a"});
  const auto b = pipeline.add(count_source(9), {.name = "b"});
  const auto merge = pipeline.add(pass_on<int>(), {a, b}, {.name = "merge"});
  pipeline.add(collect_into<int>(one), merge.of(b), {.name = "one"});
  pipeline.add(collect_into<int>(both), merge, {.name = "both"});
  EXPECT_NE(pipeline.to_string().find("merge.of('b') -> one"), std::string::npos);
  EXPECT_TRUE(pipeline.run().complete);
  EXPECT_EQ(seqs(one.all()), (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(both.all().size(), 14U);
  const auto edge = edge_of(pipeline, "merge", "one");
  EXPECT_EQ(edge.passed_in, 9U);
  EXPECT_EQ(edge.only, "b");
  EXPECT_EQ(edge.sources, 1U);
  EXPECT_EQ(edge_of(pipeline, "merge", "both").sources, 2U);
  EXPECT_NE(pipeline.to_string().find("LOSSLESS x 2 sources"), std::string::npos) << pipeline.to_string();
}

TEST(PortOf, TakesANodeOfOneSourceAndRefusesOthers) {
  Feed<int> feeds[3];
  CheckedPipeline pipeline;
  const auto a = pipeline.add(feed_source(feeds[0], Kind::Live), {.name = "a"});
  const auto b = pipeline.add(feed_source(feeds[1], Kind::Live), {.name = "b"});
  const auto c = pipeline.add(feed_source(feeds[2], Kind::Live), {.name = "c"});
  const auto small = pipeline.add(pass_on<int>(), a, {.name = "small"});
  const auto merge = pipeline.add(pass_on<int>(), {small, b}, {.name = "merge"});
  EXPECT_NO_THROW((void)pipeline.reader(merge.of(small)));
  EXPECT_NO_THROW((void)pipeline.reader(merge.of(merge.of(a))));
  EXPECT_THROW((void)pipeline.reader(merge.of(c)), GraphError);
  EXPECT_THROW((void)pipeline.reader(merge.of(merge)), GraphError);
  EXPECT_THROW((void)pipeline.reader(merge.of(Port<int>{77})), GraphError);
}

}  // namespace
}  // namespace freshframe::test
