// Another node takes the place of a running one; a node that fails goes alone.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/pipeline.hpp"

#include <atomic>
#include <barrier>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/pipeline/changes/successor.hpp"
#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

std::unique_ptr<FunctionNode<int, int>> adds(int number, std::atomic<int>* closed = nullptr) {
  return make_node<int, int>(NodeHooks<int, int>{
      .process = [number](const Sample<int>& sample,
                          const Context&) { return std::optional<int>(sample.value + number); },
      .close =
          [closed] {
            if (closed != nullptr) ++*closed;
          }});
}

std::vector<int> values_of(const std::vector<Sample<int>>& samples) {
  std::vector<int> values;
  for (const auto& sample : samples) values.push_back(sample.value);
  return values;
}

TEST(Replace, ANodeTakesOverWithoutALossAndTheOldOneCloses) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  std::atomic<int> closed{0};
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::File), {.name = "cam"});
  const auto step = pipeline.add(adds(10, &closed), cam, {.name = "step"});
  pipeline.add(collect_into<int>(seen), step, {.name = "sink"});
  pipeline.start();
  feed.push(1);
  seen.wait_for(1);
  pipeline.replace(step, adds(20));
  EXPECT_EQ(closed, 1);
  feed.push(2);
  seen.wait_for(2);
  EXPECT_EQ(values_of(seen.all()), (std::vector{11, 22}));
  EXPECT_EQ(node_of(pipeline, "step").processed, 2U);  // the counters go on
  feed.finish();
  pipeline.wait();
}

TEST(Replace, UnderLoadLosesNothingAndKeepsTheOrder) {
  constexpr int kCount = 3000;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(count_source(kCount), {.name = "cam"});
  const auto step = pipeline.add(adds(0), cam, {.name = "step"});
  pipeline.add(collect_into<int>(seen), step, {.name = "sink"});
  pipeline.start();
  for (int round = 0; round < 100; ++round) {
    try {
      pipeline.replace(step, adds(0));
    } catch (const StateError&) {
      break;  // it has ended
    }
  }
  pipeline.wait();
  ASSERT_EQ(seen.all().size(), static_cast<std::size_t>(kCount));
  for (int i = 0; i < kCount; ++i) EXPECT_EQ(seen.all()[static_cast<std::size_t>(i)].value, i);
}

TEST(Replace, AfterAFailureOfOpenTheOldNodeWorksOn) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  const auto step = pipeline.add(adds(1), cam, {.name = "step"});
  pipeline.add(collect_into<int>(seen), step, {.name = "sink"});
  pipeline.start();
  for (int round = 0; round < 3; ++round) {
    const auto text = message_of<NodeError>([&] {
      pipeline.replace(
          step,
          make_node<int, int>({.process = {}, .open = [](const Context&) { throw Error("no such model"); }}));
    });
    EXPECT_TRUE(contains(text, "no such model")) << text;
  }
  feed.push(1);
  seen.wait_for(1);
  EXPECT_EQ(seen.all()[0].value, 2);
}

TEST(Replace, ASourceGoesOnWithTheNumbersAndTimesOfTheOneBefore) {
  Feed<int> first;
  Feed<int> second;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(first, Kind::Live), {.name = "cam"});
  pipeline.add(collect_into<int>(seen), cam, {.name = "sink", .queue = Queue{8}});
  pipeline.start();
  first.push(1);
  first.push(2);
  seen.wait_for(2);
  pipeline.replace(cam, feed_source(second, Kind::Live));
  second.push(3);
  seen.wait_for(3);
  const auto all = seen.all();
  EXPECT_EQ(values_of(all), (std::vector{1, 2, 3}));
  EXPECT_EQ(all[2].stamp.seq, 2);
  EXPECT_EQ(all[2].stamp.source, cam.node);
  EXPECT_GE(all[2].stamp.pts, all[1].stamp.pts);
}

TEST(Replace, RefusesNodesThatAreNotAlike) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  const auto step = pipeline.add(adds(1), cam, {.name = "step"});
  EXPECT_TRUE(contains(message_of<StateError>([&] { pipeline.replace(step, adds(2)); }), "before start"));
  pipeline.start();
  EXPECT_TRUE(contains(message_of<GraphError>([&] { pipeline.replace(cam, adds(2)); }), "is no source"));
  EXPECT_TRUE(contains(message_of<GraphError>([&] { pipeline.replace(cam, feed_source(feed, Kind::File)); }),
                       "not live"));
  pipeline.remove(step);
  EXPECT_TRUE(contains(message_of<StateError>([&] { pipeline.replace(step, adds(2)); }), "was removed"));
}

TEST(Replace, OpenAndCloseRunBesideTheNodeThatWorks) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  std::atomic<bool> opening{false};
  std::atomic<bool> may_open{false};
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  const auto step = pipeline.add(adds(10), cam, {.name = "step"});
  pipeline.add(collect_into<int>(seen), step, {.name = "sink", .queue = Queue{8}});
  pipeline.start();
  std::jthread other([&] {
    pipeline.replace(step, make_node<int, int>(NodeHooks<int, int>{
                               .process = [](const Sample<int>&, const Context&) { return 20; },
                               .open =
                                   [&](const Context&) {
                                     opening = true;
                                     opening.notify_all();
                                     may_open.wait(false);
                                   }}));
  });
  opening.wait(false);
  EXPECT_TRUE(contains(message_of<StateError>([&] { pipeline.replace(step, adds(1)); }), "by another call"));
  feed.push(1);
  seen.wait_for(1);
  EXPECT_EQ(seen.all()[0].value, 11);
  may_open = true;
  may_open.notify_all();
  other.join();
  feed.push(2);
  seen.wait_for(2);
  EXPECT_EQ(seen.all()[1].value, 20);
}

class AddsInBatches final : public BatchNode<int, int> {
 public:
  explicit AddsInBatches(int number) : number_(number) {}
  std::vector<std::optional<int>> process_batch(std::span<const Sample<int>> samples,
                                                const Context& /*context*/) override {
    std::vector<std::optional<int>> results;
    for (const auto& sample : samples) results.emplace_back(sample.value + number_);
    return results;
  }

 private:
  int number_;
};

TEST(Replace, OfABatchThatWaitsForASample) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  const auto batch =
      pipeline.add(std::make_unique<AddsInBatches>(10), cam, {.name = "batch", .batch = Batch{2, 0.01}});
  pipeline.add(collect_into<int>(seen), batch, {.name = "sink", .queue = Queue{8}});
  pipeline.start();
  EXPECT_TRUE(
      contains(message_of<GraphError>([&] { pipeline.replace(batch, adds(1)); }), "takes no batches"));
  pipeline.replace(batch, std::make_unique<AddsInBatches>(20));
  feed.push(1);
  seen.wait_for(1);
  EXPECT_EQ(seen.all()[0].value, 21);
}

TEST(Replace, OnANodesOwnThreadItOnlyAsks) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  Port<int> step;
  const auto cam = pipeline.add(feed_source(feed, Kind::File), {.name = "cam"});
  step = pipeline.add(make_node<int, int>([&](const Sample<int>& sample, const Context&) {
                        if (sample.stamp.seq == 0) pipeline.replace(step, adds(20));
                        return std::optional<int>(sample.value);
                      }),
                      cam, {.name = "step"});
  pipeline.add(collect_into<int>(seen), step, {.name = "sink"});
  pipeline.start();
  int value = 0;
  for (std::size_t results = 1; value < 20; ++results) {  // until the new one works
    feed.push(1);
    seen.wait_for(results);
    value = seen.all().back().value;
  }
  EXPECT_EQ(value, 21);
  feed.finish();
  pipeline.wait();
}

TEST(Replace, EndsWithAStop) {
  for (int round = 0; round < 50; ++round) {
    Feed<int> feed;
    std::atomic<int> opened{0};
    std::atomic<int> closed{0};
    {
      Pipeline pipeline;
      const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
      const auto step = pipeline.add(adds(1), cam, {.name = "step"});
      pipeline.start();
      std::barrier at_once(2);
      const std::jthread other([&] {
        at_once.arrive_and_wait();
        try {
          pipeline.replace(step, make_node<int, int>(NodeHooks<int, int>{
                                     .process = [](const Sample<int>&, const Context&) { return 1; },
                                     .open = [&](const Context&) { ++opened; },
                                     .close = [&] { ++closed; }}));
        } catch (const StateError&) {  // NOLINT(bugprone-empty-catch): the stop was first
        }
      });
      at_once.arrive_and_wait();
      pipeline.stop();
    }
    EXPECT_EQ(opened, closed);
  }
}

TEST(Replace, AnExceptionOfTheCallersLookGivesItUp) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  std::atomic<int> closed{0};
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  const auto step = pipeline.add(adds(1), cam, {.name = "step"});
  pipeline.add(collect_into<int>(seen), step, {.name = "sink", .queue = Queue{8}});
  pipeline.start();
  auto& core = *core::PipelineAccess::core(pipeline);
  auto waits = make_node<int, int>(
      NodeHooks<int, int>{.process = [](const Sample<int>&, const Context&) { return 20; },
                          .open =
                              [](const Context& context) {  // until it is given up
                                while (!context.stop.stop_requested()) std::this_thread::yield();
                              },
                          .close = [&] { ++closed; }});
  const auto asked = core.begin_replace(step.node, std::move(waits));
  EXPECT_THROW(core.finish_replace(*asked, [] { throw std::runtime_error("interrupted"); }),
               std::runtime_error);
  wait_until([&] { return closed == 1 && asked->over; });
  feed.push(1);
  seen.wait_for(1);
  EXPECT_EQ(seen.all()[0].value, 2);
  pipeline.replace(step, adds(30));  // another one may follow
}

TEST(Replace, ACameraThatIsGivenUpWhileItOpensLeavesTheOtherAtWork) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.add(collect_into<int>(seen), cam, {.name = "sink", .queue = Queue{8}});
  pipeline.start();
  auto& core = *core::PipelineAccess::core(pipeline);
  const auto asked =
      core.begin_replace(cam.node, make_source<int>({.live = true,
                                                     .read = [](const Context&) { return std::nullopt; },
                                                     .open =
                                                         [](const Context& context) {
                                                           while (!context.stop.stop_requested())
                                                             std::this_thread::yield();
                                                         }}));
  EXPECT_THROW(core.finish_replace(*asked, [] { throw std::runtime_error("interrupted"); }),
               std::runtime_error);
  wait_until([&] { return asked->over.load(); });
  feed.push(1);
  seen.wait_for(1);
  EXPECT_EQ(seen.all()[0].value, 1);
}

TEST(OnErrorRemove, TakesTheBranchOfAFailedNodeOutAndTheRestRunsOn) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.add(collect_into<int>(seen), cam, {.name = "sink"});
  const auto fails =
      pipeline.add(make_node<int, int>([](const Sample<int>&, const Context&) -> std::optional<int> {
                     throw std::runtime_error("broken");
                   }),
                   cam, {.name = "fails", .on_error = OnError::Remove});
  pipeline.add(pass_on<int>(), fails, {.name = "below"});
  Seen<Sample<int>> below;
  pipeline.add(collect_into<int>(below), fails, {.name = "sink below"});
  pipeline.start();
  feed.push(1);
  seen.wait_for(1);
  wait_until([&] { return pipeline.stats().nodes.size() == 2; });
  feed.push(2);
  seen.wait_for(2);
  feed.finish();
  EXPECT_TRUE(pipeline.wait());
  const auto report = pipeline.report();
  EXPECT_FALSE(report.complete);
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_TRUE(contains(report.failures[0], "node 'fails' failed on sample 0 of 'cam': broken"))
      << report.failures[0];
  EXPECT_EQ(below.all().size(), 0U);
}

TEST(OnErrorRemove, WhatTheNodeHasGivenIsProcessed) {
  constexpr int kGood = 20;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(count_source(2 * kGood), {.name = "cam"});
  const auto fails = pipeline.add(make_node<int, int>([](const Sample<int>& sample, const Context&) {
                                    if (sample.value == kGood) throw std::runtime_error("broken");
                                    return std::optional<int>(sample.value);
                                  }),
                                  cam, {.name = "fails", .on_error = OnError::Remove});
  pipeline.add(collect_into<int>(seen), fails, {.name = "sink"});
  pipeline.start();
  EXPECT_TRUE(pipeline.wait());
  EXPECT_EQ(seen.all().size(), static_cast<std::size_t>(kGood));
  EXPECT_FALSE(pipeline.report().complete);
}

TEST(OnErrorRemove, AFailureOfOpenAtTheStartEndsThePipeline) {
  Feed<int> feed;
  Pipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.add(make_node<int, int>(NodeHooks<int, int>{
                   .process = {}, .open = [](const Context&) { throw Error("no such model"); }}),
               cam, {.on_error = OnError::Remove});
  EXPECT_TRUE(contains(message_of<NodeError>([&] { pipeline.start(); }), "no such model"));
}

}  // namespace
}  // namespace freshframe::test
