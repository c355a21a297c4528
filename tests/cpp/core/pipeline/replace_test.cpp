// Another node takes the place of a running one; a node that fails goes alone.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/pipeline.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

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
  EXPECT_EQ(values(seen.all()), (std::vector{11, 22}));
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
      pipeline.replace(step,
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
  EXPECT_EQ(values(all), (std::vector{1, 2, 3}));
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

TEST(Replace, EndsWithAStop) {
  for (int round = 0; round < 50; ++round) {
    Feed<int> feed;
    Pipeline pipeline;
    const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
    const auto step = pipeline.add(adds(1), cam, {.name = "step"});
    pipeline.start();
    std::jthread other([&] {
      try {
        pipeline.replace(step, adds(2));
      } catch (const StateError&) {  // the stop was first
      }
    });
    pipeline.stop();
  }
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
  pipeline.start();
  feed.push(1);
  seen.wait_for(1);
  wait_until([&] { return pipeline.stats().nodes.size() == 2; });
  feed.push(2);
  seen.wait_for(2);
  feed.finish();
  EXPECT_TRUE(pipeline.wait());
  EXPECT_FALSE(pipeline.report().complete);
  ASSERT_EQ(pipeline.failures().size(), 1U);
  EXPECT_EQ(pipeline.failures()[0].node, "fails");
  EXPECT_TRUE(contains(pipeline.failures()[0].text, "broken")) << pipeline.failures()[0].text;
}

}  // namespace
}  // namespace freshframe::test
