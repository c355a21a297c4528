// Replacing a running node.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/pipeline.hpp"

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/pipeline/changes/changes.hpp"
#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/successor.hpp"
#include "core/pipeline/views/statistics.hpp"
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
  EXPECT_EQ(node_of(pipeline, "step").processed, 2U);  // the counters continue
  feed.finish();
  pipeline.wait();
}

TEST(Replace, UnderLoadLosesNothingAndKeepsTheOrder) {
  constexpr int kCount = 3000;
  Gate gate;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(count_source(kCount), {.name = "cam"});
  const auto step = pipeline.add(adds(0), cam, {.name = "step"});
  pipeline.add(collect_behind<int>(gate, seen), step, {.name = "sink"});
  pipeline.start();
  int rounds = 0;
  while (rounds < 100) {
    try {
      pipeline.replace(step, adds(0));
      gate.open();  // it must not end before the first
      ++rounds;
    } catch (const StateError& error) {
      if (!contains(error.what(), "another call")) break;  // it has ended
    }
  }
  pipeline.wait();
  EXPECT_GT(rounds, 0);
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

TEST(Replace, RefusesNodesThatAreNotAlike) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  const auto step = pipeline.add(adds(1), cam, {.name = "step"});
  EXPECT_TRUE(contains(message_of<StateError>([&] { pipeline.replace(step, adds(2)); }), "before start"));
  pipeline.start();
  EXPECT_TRUE(contains(message_of<GraphError>([&] { pipeline.replace(cam, adds(2)); }), "is not a source"));
  EXPECT_TRUE(contains(message_of<GraphError>([&] { pipeline.replace(cam, feed_source(feed, Kind::File)); }),
                       "not live"));
  pipeline.remove(step);
  EXPECT_TRUE(contains(message_of<StateError>([&] { pipeline.replace(step, adds(2)); }),
                       "cannot replace 'step': it was removed"));
}

/// input_types() throws bad_alloc in the given one of the next calls; 0: never.
class NoMemory final : public Node<int, Nothing> {
 public:
  explicit NoMemory(std::atomic<int>& fails_in) : fails_in_(fails_in) {}
  [[nodiscard]] std::vector<const TypeInfo*> input_types() const override {
    if (fails_in_-- == 1) throw std::bad_alloc();
    return Node::input_types();
  }
  std::optional<Nothing> process(const Sample<int>& /*sample*/, const Context& /*context*/) override {
    return {};
  }

 private:
  std::atomic<int>& fails_in_;
};

TEST(Replace, ThatFindsNoMemoryLeavesThePlaceToTheNextCall) {
  Feed<int> feed;
  std::atomic<int> fails_in{0};
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::File), {.name = "cam"});
  const auto step = pipeline.add(adds(10), cam, {.name = "step"});
  pipeline.add(std::make_unique<NoMemory>(fails_in), step, {.name = "sink"});
  pipeline.start();
  int failed = 0;
  for (bool replaced = false; !replaced; failed += replaced ? 0 : 1) {
    fails_in = failed + 1;
    try {
      pipeline.replace(step, adds(20));
      replaced = true;
    } catch (const std::bad_alloc&) {
    }
  }
  EXPECT_GE(failed, 2);
  fails_in = 0;
  feed.finish();
  pipeline.wait();
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
      contains(message_of<GraphError>([&] { pipeline.replace(batch, adds(1)); }), "does not take batches"));
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
  for (std::size_t results = 1; value < 20; ++results) {  // until the new node runs
    feed.push(1);
    seen.wait_for(results);
    value = seen.all().back().value;
  }
  EXPECT_EQ(value, 21);
  feed.finish();
  pipeline.wait();
}

TEST(Replace, EndsWithAStop) {
  int opened_in_all = 0;
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
      // Every second stop waits until the new node is open. Otherwise a busy machine would always stop first.
      while (round % 2 == 1 && opened == 0) std::this_thread::yield();
      pipeline.stop();
    }
    EXPECT_EQ(opened, closed);
    opened_in_all += opened;
  }
  EXPECT_GE(opened_in_all, 25);
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
                              [](const Context& context) {  // until replace() gives up
                                while (!context.stop.stop_requested()) std::this_thread::yield();
                              },
                          .close = [&] { ++closed; }});
  const auto asked = core::begin_replace(core, step.node, std::move(waits));
  EXPECT_THROW(
      core::finish_replace(core, *asked, Seconds(5), [] { throw std::runtime_error("interrupted"); }),
      std::runtime_error);
  wait_until([&] { return closed == 1 && asked->over; });
  feed.push(1);
  seen.wait_for(1);
  EXPECT_EQ(seen.all()[0].value, 2);
  pipeline.replace(step, adds(30));  // another replace() may follow
}

// A second Ctrl-C must not have to wait for the new node.
TEST(Replace, ThatIsInterruptedTwiceEndsAtOnceWithTheFirstException) {
  std::atomic<bool> may_end{false};
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::File), {.name = "cam"});
  const auto step = pipeline.add(adds(1), cam, {.name = "step"});
  pipeline.start();
  auto& core = *core::PipelineAccess::core(pipeline);
  const auto asked =
      core::begin_replace(core, step.node,
                          make_node<int, int>(NodeHooks<int, int>{
                              .process = [](const Sample<int>&, const Context&) { return 20; },
                              .open = [&](const Context&) { wait_until([&] { return may_end.load(); }); }}));
  int looks = 0;
  const auto text = message_of<std::runtime_error>([&] {
    static_cast<void>(core::finish_replace(core, *asked, Seconds(5), [&] {
      if (++looks != 2) throw std::runtime_error("interruption " + std::to_string(looks));
    }));
  });
  EXPECT_EQ(text, "interruption 1");
  EXPECT_EQ(looks, 3);
  EXPECT_FALSE(asked->over);
  may_end = true;
  wait_until([&] { return asked->over.load(); });
}

enum class CutDuring : std::uint8_t { Open, CallOfTheOldNode, CloseOfTheOldNode };

class ReplaceInterrupted : public testing::TestWithParam<CutDuring> {};

TEST_P(ReplaceInterrupted, LeavesNoClaimBehind) {
  const auto point = GetParam();
  std::atomic<bool> interrupted{false};
  // Much longer than it takes to call replace() again.
  const auto close_slowly = [] { std::this_thread::sleep_for(std::chrono::milliseconds(200)); };
  Gate gate;
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::File), {.name = "cam"});
  auto old_node =
      make_node<int, int>(NodeHooks<int, int>{.process =
                                                  [&](const Sample<int>& sample, const Context& context) {
                                                    if (point == CutDuring::CallOfTheOldNode)
                                                      gate.pass(context);
                                                    return std::optional<int>(sample.value);
                                                  },
                                              .close =
                                                  [&] {
                                                    if (point != CutDuring::CloseOfTheOldNode) return;
                                                    wait_until([&] { return interrupted.load(); });
                                                    close_slowly();
                                                  }});
  const auto step = pipeline.add(std::move(old_node), cam, {.name = "step"});
  pipeline.add(collect_into<int>(seen), step, {.name = "sink"});
  pipeline.start();
  if (point == CutDuring::CallOfTheOldNode) {
    feed.push(1);
    gate.wait_entered(1);
  }
  auto& core = *core::PipelineAccess::core(pipeline);
  auto next = make_node<int, int>(NodeHooks<int, int>{
      .process = [](const Sample<int>& sample, const Context&) { return std::optional<int>(sample.value); },
      .open =
          [&](const Context& context) {
            while (point == CutDuring::Open && !context.stop.stop_requested()) std::this_thread::yield();
          },
      .close = close_slowly});
  const auto asked = core::begin_replace(core, step.node, std::move(next));
  EXPECT_THROW(core::finish_replace(core, *asked, Seconds(100),
                                    [&] {
                                      if (!interrupted.exchange(true))
                                        throw std::runtime_error("interrupted");
                                    }),
               std::runtime_error);
  gate.open();
  EXPECT_NO_THROW(pipeline.replace(step, adds(30)));
  feed.finish();
  pipeline.wait();
}

INSTANTIATE_TEST_SUITE_P(AtEachPoint, ReplaceInterrupted,
                         testing::Values(CutDuring::Open, CutDuring::CallOfTheOldNode,
                                         CutDuring::CloseOfTheOldNode));

TEST(Replace, DoesNotWaitForANodeThatWaitsForTheCallersReader) {
  constexpr int kAdded = 1000;
  constexpr int kCount = 100;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(count_source(kCount), {.name = "cam"});
  const auto step = pipeline.add(adds(0), cam, {.name = "step"});
  auto reader = pipeline.reader(step);
  pipeline.start();
  int replaced = 0;
  for (int i = 0; i < kCount; ++i) {
    const auto sample = reader.get();
    ASSERT_TRUE(sample);
    EXPECT_EQ(sample->value % kAdded, i);  // nothing is lost
    if (sample->value >= kAdded) ++replaced;
    if (i == 10) pipeline.replace(step, adds(kAdded));
  }
  EXPECT_GT(replaced, 0);
  EXPECT_TRUE(pipeline.wait());
}

TEST(Replace, ANodeThatStaysInItsCallWorksOn) {
  Gate gate;
  Seen<Sample<int>> seen;
  Feed<int> feed;
  std::atomic<int> closed{0};
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::File), {.name = "cam"});
  const auto step = pipeline.add(make_node<int, int>([&](const Sample<int>& sample, const Context& context) {
                                   gate.pass(context);
                                   return std::optional<int>(sample.value);
                                 }),
                                 cam, {.name = "step"});
  pipeline.add(collect_into<int>(seen), step, {.name = "sink"});
  pipeline.start();
  feed.push(1);
  gate.wait_entered(1);
  auto& core = *core::PipelineAccess::core(pipeline);
  const auto asked = core::begin_replace(core, step.node, adds(10, &closed));
  const auto text = message_of<StopTimeoutError>([&] { core::finish_replace(core, *asked, Seconds{.05}); });
  EXPECT_TRUE(contains(text, "'step' is still in a call")) << text;
  EXPECT_TRUE(contains(text, "nothing was replaced")) << text;
  gate.open();
  seen.wait_for(1);
  wait_until([&] { return closed == 1; });
  feed.push(2);
  seen.wait_for(2);
  EXPECT_EQ(values_of(seen.all()), (std::vector{1, 2}));
  pipeline.replace(step, adds(20));  // another replace() may follow
  feed.push(3);
  seen.wait_for(3);
  EXPECT_EQ(seen.all()[2].value, 23);
  feed.finish();
  pipeline.wait();
}

TEST(Replace, RefusesASourceAndItsSecondOutputWhichAreRemovedTogether) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  const auto second = pipeline.add(feed_source(feed, Kind::Live), {.companion_of = cam.any()});
  static_cast<void>(pipeline.add(feed_source(feed, Kind::Live), {.name = "other"}));
  EXPECT_THROW(pipeline.add(adds(1), cam, {.companion_of = cam.any()}), GraphError);
  pipeline.start();
  const auto state = core::graph_state(*core::PipelineAccess::core(pipeline));
  ASSERT_EQ(state.nodes.size(), 3U);
  EXPECT_EQ(state.nodes[1].packets_of, "cam");
  EXPECT_TRUE(state.nodes[0].packets_of.empty() && state.nodes[2].packets_of.empty());
  EXPECT_TRUE(state.stats.nodes[1].name.starts_with("cam.")) << state.stats.nodes[1].name;
  const auto refusal = [&](const Port<int>& port) {
    return message_of<GraphError>([&] { pipeline.replace(port, feed_source(feed, Kind::Live)); });
  };
  EXPECT_TRUE(contains(refusal(cam), "its packets are also used")) << refusal(cam);
  EXPECT_TRUE(contains(refusal(second), "an output of its camera")) << refusal(second);
  EXPECT_EQ(pipeline.remove(cam).nodes.size(), 2U);
  EXPECT_EQ(pipeline.stats().nodes.size(), 1U);
}

}  // namespace
}  // namespace freshframe::test
