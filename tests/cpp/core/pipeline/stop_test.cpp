// stop(): idempotent, from any thread, at any time of a pipeline's life.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <barrier>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(Stop, IsIdempotentAndMayComeFromManyThreadsAtOnce) {
  constexpr int kThreads = 6;
  for (int round = 0; round < 20; ++round) {
    Feed<int> feed;
    std::atomic<int> closed{0};
    CheckedPipeline pipeline;
    pipeline.add(make_node<int, Nothing>(
                     {.process = [](const Sample<int>&, const Context&) { return std::optional<Nothing>(); },
                      .close = [&] { ++closed; }}),
                 pipeline.add(feed_source(feed, Kind::Live)));
    pipeline.start();
    std::barrier start(kThreads);
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
          start.arrive_and_wait();
          pipeline.stop();
        });
      }
    }
    pipeline.stop();
    EXPECT_EQ(closed, 1);
  }
}

TEST(Stop, FromANodesOwnThreadOnlyRequests) {
  Feed<int> feed;
  std::atomic<bool> returned{false};
  CheckedPipeline pipeline;
  pipeline.add(make_node<int, Nothing>([&](const Sample<int>&, const Context& context) {
                 pipeline.stop();
                 returned = context.stop.stop_requested();
                 return std::optional<Nothing>();
               }),
               pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  feed.push(0);
  EXPECT_TRUE(pipeline.wait());
  EXPECT_TRUE(returned);
}

TEST(Stop, FromASourcesOwnThreadOnlyRequests) {
  CheckedPipeline pipeline;
  pipeline.add(make_source<int>({.live = true, .read = [&](const Context&) -> std::optional<SourceItem<int>> {
                                   pipeline.stop();
                                   return std::nullopt;
                                 }}));
  pipeline.start();
  EXPECT_TRUE(pipeline.wait());
}

TEST(Stop, DuringStartMakesStartThrow) {
  Gate opening;
  std::atomic<int> closed{0};
  CheckedPipeline pipeline;
  pipeline.add(make_node<int, Nothing>(
                   {.process = [](const Sample<int>&, const Context&) { return std::optional<Nothing>(); },
                    .open = [&](const Context& context) { opening.pass(context); },
                    .close = [&] { ++closed; }}),
               pipeline.add(count_source(10)));
  std::atomic<bool> threw{false};
  {
    const std::jthread starter([&] {
      try {
        pipeline.start();
      } catch (const Error&) {
        threw = true;
      }
    });
    opening.wait_entered(1);
    pipeline.stop();
  }
  EXPECT_TRUE(threw);
  EXPECT_EQ(closed, 1);  // its open() returned
  EXPECT_THROW(pipeline.start(), StateError);
}

TEST(Stop, RacingWithStartAlwaysEndsWithEverythingJoined) {
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> open{0};
    {
      CheckedPipeline pipeline;
      const auto source = pipeline.add(count_source(1000, Kind::Live));
      pipeline.add(
          make_node<int, Nothing>(
              {.process = [](const Sample<int>&, const Context&) { return std::optional<Nothing>(); },
               .open = [&](const Context&) { ++open; },
               .close = [&] { --open; }}),
          source);
      std::barrier start(2);
      const std::jthread stopper([&] {
        start.arrive_and_wait();
        pipeline.stop();
      });
      start.arrive_and_wait();
      try {
        pipeline.start();
      } catch (const Error&) {  // stop() was first
      }
    }
    EXPECT_EQ(open, 0);  // close() exactly once for each open()
  }
}

TEST(Stop, ThatRunsOutOfTimeNamesANodeOrHasNoError) {
  constexpr int kPipelines = 1000;
  constexpr int kLongest = 100;  // microseconds: so short that some stops time out while the node ends
  for (int i = 0; i < kPipelines; ++i) {
    CheckedPipeline pipeline;
    pipeline.add(count_source(1));
    pipeline.start();
    try {
      pipeline.stop(std::chrono::microseconds(i % kLongest));
    } catch (const StopTimeoutError& error) {
      ASSERT_FALSE(error.nodes().empty()) << "pipeline " << i << ": " << error.what();
    }
  }
}

TEST(Stop, ThatRunsOutOfTimeNamesTheBusyNodesAndMayBeTriedAgain) {
  Feed<int> feed;
  Gate gate(/*heeds_stop=*/false);
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  pipeline.add(make_node<int, Nothing>([&](const Sample<int>&, const Context& context) {
                 gate.pass(context);
                 return std::optional<Nothing>();
               }),
               source, {.name = "stubborn"});
  pipeline.add(pass_on<int>(), source, {.name = "obedient"});
  pipeline.start();
  feed.push(0);
  gate.wait_entered(1);
  try {
    pipeline.stop(Seconds{1});  // enough for the well-behaved nodes on a busy machine
    ADD_FAILURE() << "stop() returned while a node was busy";
  } catch (const StopTimeoutError& timeout) {
    EXPECT_EQ(timeout.nodes(), std::vector<std::string>{"stubborn"});
    EXPECT_TRUE(contains(timeout.what(), "stubborn")) << timeout.what();
  }
  expect_books(pipeline);
  gate.open();
  EXPECT_NO_THROW(pipeline.stop());
  EXPECT_EQ(node_of(pipeline, "stubborn").state, NodeState::Ended);
}

}  // namespace
}  // namespace freshframe::test
