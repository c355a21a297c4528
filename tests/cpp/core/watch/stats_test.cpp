// Statistics: histograms, node counters, latencies on the simulated clock, and snapshots of a running
// pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/stats.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <limits>
#include <memory>
#include <optional>
#include <thread>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

// Returns the CPU time.
double thread_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + 1e-9 * static_cast<double>(spent.tv_nsec);
}

constexpr double kBucketError = 0.032;  // half a bucket: 1/32 of the value at most

TEST(Histogram, IsEmptyAtFirst) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.quantile(0.5), 0.0);
  EXPECT_EQ(histogram.quantiles().p99, 0.0);
}

TEST(Histogram, OneValueComesBackWithinABucketFromEndToEndOfTheRange) {
  for (int i = 0; i < 70; ++i) {
    const double seconds = 2e-7 * std::pow(1.37, i);  // up to 540 s
    Histogram histogram;
    histogram.add(seconds);
    EXPECT_EQ(histogram.count(), 1U);
    for (const double q : {0.0, 0.5, 1.0})
      EXPECT_NEAR(histogram.quantile(q), seconds, seconds * kBucketError);
  }
}

TEST(Histogram, QuantilesOfAThousandDifferentValuesAreThoseOfTheList) {
  Histogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.add(i * 1e-3);
  EXPECT_EQ(histogram.count(), 1000U);
  EXPECT_NEAR(histogram.quantile(0.5), 0.5, 0.5 * 2 * kBucketError);
  EXPECT_NEAR(histogram.quantile(0.99), 0.99, 0.99 * 2 * kBucketError);
  EXPECT_NEAR(histogram.quantile(1), 1.0, kBucketError);
  EXPECT_LT(histogram.quantile(0.01), histogram.quantile(0.02));
  EXPECT_EQ(histogram.quantiles().p50, histogram.quantile(0.5));
  EXPECT_EQ(histogram.quantiles().p99, histogram.quantile(0.99));
}

TEST(Histogram, ValuesBeyondTheRangeAreCountedAtItsEnds) {
  Histogram histogram;
  for (const double seconds : {-1.0, 0.0, 1e-12, 1e9, std::numeric_limits<double>::infinity()}) {
    histogram.add(seconds);
  }
  EXPECT_EQ(histogram.count(), 5U);
  EXPECT_LE(histogram.quantile(0), 1.1e-7);
  EXPECT_GE(histogram.quantile(1), 900.0);
}

TEST(Timings, AreThoseOfTheLastSecondsOrOfTheWholeRun) {
  Timings timings;
  TimePoint now = TimePoint{} + to_duration(Seconds{1000});
  const auto add = [&](int count, double interval, double seconds) {
    for (int i = 0; i < count; ++i) {
      now += to_duration(Seconds{interval});
      timings.add(seconds, now);
    }
  };
  EXPECT_EQ(timings.quantiles(Span::Recent, now).p50, 0.0);
  add(360, 1.0 / 30, 0.005);  // 12 s
  EXPECT_NEAR(timings.quantiles(Span::Recent, now).p50, 0.005, 0.005 * kBucketError);
  add(50, 0.2, 0.2);  // 10 s
  EXPECT_NEAR(timings.quantiles(Span::Recent, now).p50, 0.2, 0.2 * kBucketError);
  EXPECT_NEAR(timings.quantiles(Span::WholeRun, now).p50, 0.005, 0.005 * kBucketError);
  EXPECT_NEAR(timings.quantiles(Span::WholeRun, now).p99, 0.2, 0.2 * kBucketError);
  now += to_duration(Seconds{7});
  EXPECT_GT(timings.quantiles(Span::Recent, now).p50, 0.1);
  now += to_duration(Seconds{4});
  EXPECT_EQ(timings.quantiles(Span::Recent, now).p50, 0.0);
  EXPECT_EQ(timings.count(), 410U);
}

TEST(NodeCounters, CountEachCauseApart) {
  NodeCounters counters;
  counters.drop(NodeDropCause::Decode);
  counters.drop(NodeDropCause::Device, 5);
  counters.drop(NodeDropCause::Decode, 2);
  EXPECT_EQ(counters.drops(NodeDropCause::Decode), 3U);
  EXPECT_EQ(counters.drops(NodeDropCause::Device), 5U);
  EXPECT_EQ(counters.drops(NodeDropCause::Pool), 0U);
}

TEST(NodeState, HasPublicNames) {
  EXPECT_EQ(to_string(NodeState::Opening), "opening");
  EXPECT_EQ(to_string(NodeState::Waiting), "waiting");
  EXPECT_EQ(to_string(NodeState::Working), "working");
  EXPECT_EQ(to_string(NodeState::Blocked), "blocked");
  EXPECT_EQ(to_string(NodeState::Ended), "ended");
  EXPECT_EQ(to_string(NodeState::Failed), "failed");
}

TEST(Stats, WhatANodeCountsShowsByCauseAndMakesTheReportIncomplete) {
  CheckedPipeline pipeline;
  const auto source = pipeline.add(
      make_source<int>({.read = [n = 0](const Context& context) mutable -> std::optional<SourceItem<int>> {
        if (n == 3) return std::nullopt;
        context.counters.drop(NodeDropCause::Decode, 2);
        return SourceItem<int>{n++, 0, context.clock.now()};
      }}));
  pipeline.add(pass_on<int>(), source);
  const Report report = pipeline.run();
  EXPECT_FALSE(report.complete);
  EXPECT_EQ(report.samples, 3U);
  const NodeStats stats = node_of(pipeline, "source");
  EXPECT_EQ(stats.dropped, 6U);
  EXPECT_EQ(drops_of(stats, NodeDropCause::Decode), 6U);
  EXPECT_EQ(stats.drops.size(), 1U);
}

TEST(Stats, ALosslessRunWithoutLossIsComplete) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(100));
  pipeline.add(collect_into<int>(seen), source, {.name = "sink"});
  const Report report = pipeline.run();
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.samples, 100U);
  EXPECT_GT(report.stats.elapsed, 0.0);
  const EdgeStats edge = edge_of(report.stats, "source", "sink");
  EXPECT_EQ(edge.passed_in, 100U);
  EXPECT_EQ(edge.delivered, 100U);
  EXPECT_TRUE(edge.drops.empty());
  EXPECT_EQ(node_of(pipeline, "sink").processed, 100U);
  EXPECT_EQ(node_of(pipeline, "source").processed, 100U);
  EXPECT_EQ(node_of(pipeline, "sink").state, NodeState::Ended);
  EXPECT_EQ(node_of(pipeline, "source").state, NodeState::Ended);
}

TEST(Stats, TimesAreThoseOfThePipelinesClock) {
  const auto clock = std::make_shared<SimulatedClock>();
  clock->advance(Seconds{100});
  Feed<int> feed;
  Gate gate;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline(clock);
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  pipeline.add(collect_behind<int>(gate, seen), source, {.name = "slow"});
  pipeline.start();
  feed.push_and_settle(0);
  gate.wait_entered(1);  // taken immediately: age 0
  feed.push_and_settle(1);
  clock->advance(Seconds{2});  // sample 1 waits, sample 0 is in process()
  EXPECT_NEAR(pipeline.stats().elapsed, 2.0, 1e-6);
  gate.permit();
  gate.wait_entered(2);
  const EdgeStats edge = edge_of(pipeline, "source", "slow");
  EXPECT_NEAR(edge.age_p99, 2.0, 2.0 * kBucketError);
  EXPECT_LT(edge.age_p50, 1e-3);
  gate.open();
  pipeline.stop();
  const NodeStats slow = node_of(pipeline, "slow");
  EXPECT_EQ(slow.processed, 2U);
  EXPECT_NEAR(slow.duration_p99, 2.0, 2.0 * kBucketError);
  clock->advance(Seconds{50});
  EXPECT_NEAR(pipeline.stats().elapsed, 2.0, 1e-6);  // time after the end does not count
}

TEST(Stats, ANodeIsBusyForTheShareOfTheRunThatItsCallsTake) {
  const auto clock = std::make_shared<SimulatedClock>();
  clock->advance(Seconds{100});
  Feed<int> feed;
  Gate gate;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline(clock);
  pipeline.add(collect_behind<int>(gate, seen), pipeline.add(feed_source(feed, Kind::Live)),
               {.name = "slow"});
  pipeline.start();
  feed.push_and_settle(0);
  gate.wait_entered(1);
  clock->advance(Seconds{1});
  gate.open();
  wait_until([&] { return node_of(pipeline, "slow").processed == 1; });
  clock->advance(Seconds{3});
  EXPECT_NEAR(node_of(pipeline, "slow").busy, 0.25, 1e-6);
}

// A live stream on the simulated clock, whose only consumer keeps up with its source.
struct Stream {
  Stream() {
    clock->advance(Seconds{100});
    pipeline.add(pass_on<int>(), pipeline.add(feed_source(feed, Kind::Live)), {.name = "step"});
    pipeline.start();
  }
  // Pushes a sample after every `interval`.
  void flow(int count, double interval) {
    for (int i = 0; i < count; ++i) {
      clock->advance(Seconds{interval});
      feed.push_and_settle(number++);
      wait_until([&] { return node_of(pipeline, "step").processed == static_cast<std::uint64_t>(number); });
    }
  }
  [[nodiscard]] double rate(const char* node) { return node_of(pipeline, node).rate; }

  std::shared_ptr<SimulatedClock> clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  CheckedPipeline pipeline{clock};
  int number = 0;
};

TEST(Stats, TheRateIsThatOfTheLastSecondAndNothingWhileNothingFlows) {
  Stream stream;
  EXPECT_EQ(stream.rate("step"), 0.0);
  stream.flow(21, 0.1);
  EXPECT_NEAR(stream.rate("step"), 10.0, 0.01);
  EXPECT_NEAR(stream.rate("source"), 10.0, 0.01);
  stream.clock->advance(Seconds{1.1});
  EXPECT_EQ(stream.rate("step"), 0.0);
  stream.clock->advance(Seconds{60});
  EXPECT_EQ(stream.rate("source"), 0.0);
  stream.flow(1, 0.1);  // the silence does not count in any rate
  stream.flow(6, 0.05);
  EXPECT_NEAR(stream.rate("step"), 20.0, 0.01);
  stream.flow(3, 4);  // a slow stream
  EXPECT_NEAR(stream.rate("step"), 0.25, 0.001);
  stream.clock->advance(Seconds{7});
  EXPECT_NEAR(stream.rate("step"), 0.25, 0.001);
  stream.clock->advance(Seconds{2});
  EXPECT_EQ(stream.rate("step"), 0.0);
}

TEST(Stats, AgesAreThoseOfTheLastSecondsAndInTheReportThoseOfTheRun) {
  Stream stream;
  stream.flow(100, 0.1);
  EXPECT_LT(edge_of(stream.pipeline, "source", "step").age_p50, 1e-3);
  stream.clock->advance(Seconds{30});
  EXPECT_EQ(edge_of(stream.pipeline, "source", "step").age_p50, 0.0);
  stream.pipeline.stop();
  EXPECT_GT(edge_of(stream.pipeline, "source", "step").age_p50, 0.0);
  EXPECT_GT(edge_of(stream.pipeline.report().stats, "source", "step").age_p50, 0.0);
}

TEST(Stats, NoNodeIsBusyForMoreThanTheRun) {
  CheckedPipeline pipeline;
  pipeline.add(
      make_source<int>({.read = [n = 0](const Context& context) mutable -> std::optional<SourceItem<int>> {
                          if (n == 3) return std::nullopt;
                          return SourceItem<int>{n++, 0, context.clock.now()};
                        },
                        .open =
                            [](const Context&) {
                              const auto until = thread_seconds() + 0.05;
                              while (thread_seconds() < until) continue;
                            }}),
      {.name = "short"});
  pipeline.run();
  EXPECT_LE(node_of(pipeline, "short").busy, 1.0);
  EXPECT_GE(node_of(pipeline, "short").busy, 0.0);
}

TEST(Stats, NodesShowWhatTheyDo) {
  Feed<int> feed;
  Gate gate;
  Gate opening;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::File));
  const auto step =
      pipeline.add(pass_on<int>(), source, {.name = "step", .queue = Queue{1, WhenFull::Block}});
  pipeline.add(make_node<int, Nothing>({.process =
                                            [&](const Sample<int>&, const Context& context) {
                                              gate.pass(context);
                                              return std::optional<Nothing>();
                                            },
                                        .open = [&](const Context& context) { opening.pass(context); }}),
               step, {.name = "sink", .queue = Queue{1, WhenFull::Block}});
  {
    const std::jthread starter([&] { pipeline.start(); });
    opening.wait_entered(1);
    EXPECT_EQ(node_of(pipeline, "sink").state, NodeState::Opening);
    opening.open();
  }
  wait_until([&] { return node_of(pipeline, "step").state == NodeState::Waiting; });
  for (int i = 0; i < 6; ++i) feed.push(i);
  gate.wait_entered(1);
  EXPECT_EQ(node_of(pipeline, "sink").state, NodeState::Working);
  wait_until([&] { return node_of(pipeline, "step").state == NodeState::Blocked; });
  wait_until([&] { return node_of(pipeline, "source").state == NodeState::Blocked; });
  expect_books(pipeline);
  gate.open();
  feed.finish();
  EXPECT_TRUE(pipeline.wait());
  EXPECT_EQ(node_of(pipeline, "sink").state, NodeState::Ended);
}

TEST(Stats, MayBeAskedForWhileThePipelineStartsAndEnds) {
  for (int round = 0; round < 150; ++round) {
    CheckedPipeline pipeline;
    const auto source = pipeline.add(count_source(20));
    for (int i = 0; i < 6; ++i) pipeline.add(pass_on<int>(), source);
    std::atomic<bool> done{false};
    std::atomic<bool> ready{false};
    const std::jthread looking([&] {
      while (!done) {
        ready = true;
        expect_books(pipeline);
        (void)pipeline.to_string();
        (void)pipeline.report();
      }
    });
    wait_until([&] { return ready.load(); });
    pipeline.start();
    EXPECT_TRUE(pipeline.wait());
    done = true;
  }
}

TEST(Stats, TheBooksBalanceInEverySnapshotWhileEverythingMoves) {
  CheckedPipeline pipeline;
  const auto source = pipeline.add(make_source<int>(
      {.live = true, .read = [n = 0](const Context& context) mutable -> std::optional<SourceItem<int>> {
         if (n % 8 == 0) std::this_thread::yield();
         return SourceItem<int>{n++, 0, context.clock.now()};
       }}));
  const auto middle = pipeline.add(pass_on<int>(), source, {.name = "latest"});
  pipeline.add(pass_on<int>(), source, {.name = "next", .queue = kNext});
  pipeline.add(pass_on<int>(), source, {.name = "newest", .queue = Queue{3, WhenFull::DropNewest}});
  pipeline.add(pass_on<int>(), middle, {.name = "blocking", .queue = Queue{2, WhenFull::Block}});
  auto reader = pipeline.reader(middle, {.queue = Queue{4}});
  pipeline.start();
  std::atomic<bool> done{false};
  const std::jthread pulling([&] {
    while (!done) {
      (void)reader.latest();
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < (kSanitized ? 300 : 2000); ++i) expect_books(pipeline);
  wait_until([&] {
    return std::ranges::all_of(pipeline.stats().edges, [](const auto& edge) { return edge.passed_in > 0; });
  });
  done = true;
  pipeline.stop();
  for (const EdgeStats& edge : pipeline.stats().edges) EXPECT_GT(edge.passed_in, 0U) << label(edge);
}

}  // namespace
}  // namespace freshframe::test
