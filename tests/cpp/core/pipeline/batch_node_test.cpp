// Nodes with a batch in a pipeline: results, failures, counters; ports of one source.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

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
  EXPECT_TRUE(pipeline.run().complete);  // max_wait never passes, so the end completes the last batch
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
    EXPECT_NE(std::string(error.what()).find("one result per sample, got 5 for a batch of 4"),
              std::string::npos)
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
  // The system decides how often each source's thread runs. The engine must pass on the samples of all of
  // them.
  wait_until([&] {
    for (const auto& count : counts) {
      if (count < 50) return false;
    }
    return true;
  });
  pipeline.stop();
  EXPECT_EQ(edge_of(pipeline, "batch", "sink").source_count, 8U);
}

TEST(BatchNode, AGateShowsThatTheShareOfEachSourceIsEqual) {
  constexpr int kSources = 8;
  Feed<int> feeds[kSources];
  const Gate gate;
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

TEST(BatchNode, TheWaitOfItsNextBatchMayBeSet) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live), {.name = "camera"});
  const auto node = pipeline.add(batches(doubled), source, {.queue = Queue{8}, .batch = Batch{2, 1000}});
  pipeline.add(collect_into<int>(seen), node, {.queue = Queue{8}});
  EXPECT_THROW(pipeline.set_max_wait(source, 1), GraphError);
  EXPECT_THROW(pipeline.set_max_wait(node, -1), OptionError);
  pipeline.start();
  feed.push(1);
  feed.push(2);  // a full batch
  wait_until([&] { return seen.all().size() == 2; });
  pipeline.set_max_wait(node, 0);
  feed.push(3);
  wait_until([&] { return seen.all().size() == 3; });
  pipeline.stop();
  EXPECT_THROW(pipeline.set_max_wait(node, 1), StateError);
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
  EXPECT_EQ(edge.of, "b");
  EXPECT_EQ(edge.source_count, 1U);
  EXPECT_EQ(edge_of(pipeline, "merge", "both").source_count, 2U);
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

TEST(PortOf, TakesTheSourcesThatComeAndGo) {
  Feed<int> feeds[3];
  CheckedPipeline pipeline;
  const auto a = pipeline.add(feed_source(feeds[0], Kind::Live), {.name = "a"});
  const auto b = pipeline.add(feed_source(feeds[1], Kind::Live), {.name = "b"});
  const auto c = pipeline.add(feed_source(feeds[2], Kind::Live), {.name = "c"});
  const auto merge = pipeline.add(pass_on<int>(), {a, b}, {.name = "merge"});
  const auto one = pipeline.add(pass_on<int>(), merge.of(a), {.name = "one"});
  EXPECT_THROW((void)pipeline.reader(merge.of(c)), GraphError);
  pipeline.connect(merge, c);
  EXPECT_NO_THROW((void)pipeline.reader(merge.of(c)));
  pipeline.disconnect(merge, b);
  EXPECT_THROW((void)pipeline.reader(merge.of(b)), GraphError);
  EXPECT_NO_THROW((void)pipeline.reader(one.of(a)));
  EXPECT_THROW((void)pipeline.reader(one.of(b)), GraphError);
  EXPECT_THROW((void)pipeline.reader(one.of(c)), GraphError);
}

}  // namespace
}  // namespace freshframe::test
