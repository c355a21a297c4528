// The lifecycle of a pipeline: it runs once, start() waits for every open(), stop() works from any thread,
// and queues drain at the end.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/pipeline/parts/life.hpp"
#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(Lifecycle, APipelineRunsOnce) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  pipeline.start();
  EXPECT_THROW(pipeline.start(), StateError);
  pipeline.stop();
  EXPECT_THROW(pipeline.start(), StateError);
  EXPECT_THROW(pipeline.add(pass_on<int>(), source), StateError);
}

/// Returns the error of a pipeline in which delivery to the first or the second node runs out of memory.
std::string told_without_memory(std::size_t consumer) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::File));
  const auto first = pipeline.add(pass_on<int>(), source);
  const std::array nodes{first.node, pipeline.add(pass_on<int>(), first).node};
  auto& inbox = core::PipelineAccess::core(pipeline)->runner(nodes.at(consumer))->inbox();
  std::atomic<bool> has_memory{false};
  inbox.set_ready_hook([&] {
    if (!has_memory.exchange(true)) throw std::bad_alloc();
  });
  pipeline.start();
  feed.push(1);
  return message_of<NodeError>([&] { pipeline.wait(); });
}

TEST(Lifecycle, WithoutMemoryForADeliveryThePipelineFailsAndTheProgramGoesOn) {
  for (const std::size_t consumer : {0, 1}) {
    const auto text = told_without_memory(consumer);
    EXPECT_TRUE(contains(text, "the engine failed: std::bad_alloc")) << text;
  }
}

TEST(Lifecycle, StopBeforeStartEndsItForGood) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  pipeline.add(feed_source(feed, Kind::Live));
  EXPECT_NO_THROW(pipeline.stop());
  EXPECT_THROW(pipeline.start(), StateError);
}

TEST(Lifecycle, AddAndReaderAfterTheEndAreStateErrors) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  pipeline.start();
  pipeline.stop();
  EXPECT_THROW(pipeline.add(pass_on<int>(), source), StateError);
  EXPECT_THROW(pipeline.add(feed_source(feed, Kind::Live)), StateError);
  EXPECT_THROW((void)pipeline.reader(source), StateError);
  EXPECT_EQ(pipeline.stats().nodes.size(), 1U);
}

/// Returns the error of wait() when a source's open() ends with `code` because of a stop; empty if there is
/// none.
std::string told_after_a_stop_in_open(int code) {
  std::barrier opening(2);
  CheckedPipeline pipeline;
  pipeline.add(make_source<int>({.read = [](const Context&) { return std::optional<SourceItem<int>>(); },
                                 .open =
                                     [&](const Context& context) {
                                       opening.arrive_and_wait();
                                       while (!context.stop.stop_requested()) std::this_thread::yield();
                                       throw SourceError("was ended", "url", code);
                                     },
                                 .close = [] {}}));
  std::thread starter([&] {
    try {
      pipeline.start();
    } catch (const Error&) {  // stopped in the meantime
    }
  });
  opening.arrive_and_wait();
  pipeline.stop();
  starter.join();
  try {
    static_cast<void>(pipeline.wait());
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(Lifecycle, ASourceThatWasStoppedWhileItOpenedHasNotFailed) {
  EXPECT_EQ(told_after_a_stop_in_open(ECANCELED), "");
  EXPECT_EQ(told_after_a_stop_in_open(EIO), "was ended");
}

TEST(Lifecycle, APipelineThatNeverStartedIsDestroyedQuietly) {
  std::atomic<int> calls{0};
  {
    CheckedPipeline pipeline;
    pipeline.add(make_source<int>({.read = [&](const Context&) -> std::optional<SourceItem<int>> {
                                     ++calls;
                                     return std::nullopt;
                                   },
                                   .open = [&](const Context&) { ++calls; },
                                   .close = [&] { ++calls; }}));
  }
  EXPECT_EQ(calls, 0);
}

TEST(Lifecycle, StartReturnsWhenEveryNodeIsOpenAndNothingFlowsBefore) {
  std::atomic<int> opened{0};
  std::atomic<int> early{0};
  Gate last;
  CheckedPipeline pipeline;
  const auto source =
      pipeline.add(make_source<int>({.live = true,
                                     .read = [&](const Context& context) -> std::optional<SourceItem<int>> {
                                       if (opened != 3) ++early;
                                       context.clock.sleep_until(
                                           context.clock.now() + std::chrono::milliseconds{1}, context.stop);
                                       return SourceItem<int>{0, 0, context.clock.now()};
                                     },
                                     .open = [&](const Context&) { ++opened; }}));
  const auto open_slowly = [&](const Context& context) {
    last.pass(context);
    ++opened;
  };
  const auto quick = pipeline.add(
      make_node<int, int>(
          {.process = [](const Sample<int>& s, const Context&) { return std::optional<int>(s.value); },
           .open = [&](const Context&) { ++opened; }}),
      source);
  pipeline.add(make_node<int, int>({.process = [](const Sample<int>& s,
                                                  const Context&) { return std::optional<int>(s.value); },
                                    .open = open_slowly}),
               quick);
  std::atomic<bool> started{false};
  std::jthread starter([&] {
    pipeline.start();
    started = true;
  });
  last.wait_entered(1);
  EXPECT_FALSE(started);
  last.open();
  starter.join();
  EXPECT_EQ(opened, 3);
  pipeline.stop();
  EXPECT_EQ(early, 0);
}

TEST(Lifecycle, OpenProcessAndCloseOfANodeRunOnOneThreadWhichIsNotTheCallers) {
  Seen<std::thread::id> threads;
  CheckedPipeline pipeline;
  const auto here = [&] { threads.add(std::this_thread::get_id()); };
  pipeline.add(make_node<int, Nothing>({.process =
                                            [&](const Sample<int>&, const Context&) {
                                              here();
                                              return std::optional<Nothing>();
                                            },
                                        .open = [&](const Context&) { here(); },
                                        .close = here}),
               pipeline.add(count_source(3)));
  pipeline.run();
  const auto ids = threads.all();
  ASSERT_EQ(ids.size(), 5U);  // open, three samples, close
  EXPECT_EQ(std::count(ids.begin(), ids.end(), ids.front()), 5);
  EXPECT_NE(ids.front(), std::this_thread::get_id());
}

TEST(Lifecycle, NodesCloseInGraphOrderAfterEverythingIsDrained) {
  Seen<std::string> log;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(
      make_source<int>({.read = [n = 0](const Context& context) mutable -> std::optional<SourceItem<int>> {
                          if (n == 40) return std::nullopt;
                          return SourceItem<int>{n++, 0, context.clock.now()};
                        },
                        .close = [&] { log.add("source"); }}));
  const auto step = [&](const char* name, Port<int> parent) {
    return pipeline.add(
        make_node<int, int>(
            {.process = [](const Sample<int>& s, const Context&) { return std::optional<int>(s.value); },
             .close = [&log, name] { log.add(name); }}),
        parent, {.name = name});
  };
  const auto left = step("left", source);
  const auto right = step("right", source);
  const auto below = step("below", left);
  pipeline.add(make_node<int, Nothing>({.process =
                                            [&](const Sample<int>& sample, const Context&) {
                                              seen.add(sample);
                                              return std::optional<Nothing>();
                                            },
                                        .close = [&] { log.add("sink"); }}),
               {below, right}, {.name = "sink"});
  EXPECT_TRUE(pipeline.run().complete);
  EXPECT_EQ(seen.all().size(), 80U);  // both branches, to the last sample
  const auto order = log.all();
  ASSERT_EQ(order.size(), 5U);
  const auto position = [&](const char* name) {
    return std::find(order.begin(), order.end(), name) - order.begin();
  };
  EXPECT_EQ(position("source"), 0);
  EXPECT_LT(position("left"), position("below"));
  EXPECT_LT(position("below"), position("sink"));
  EXPECT_LT(position("right"), position("sink"));
}

TEST(Lifecycle, RunReturnsAndAReaderThreadStillGetsEverySample) {
  constexpr int kSamples = 60;
  CheckedPipeline pipeline;
  auto reader = pipeline.reader(pipeline.add(count_source(kSamples)));
  std::atomic<int> got{0};
  std::atomic<bool> running{false};
  std::jthread consumer([&] {
    wait_until([&] { return running.load(); });
    while (reader.get()) {
      ++got;
      // Slower than the file source.
      if (got % 7 == 0) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  });
  pipeline.start();
  running = true;
  pipeline.run();
  consumer.join();
  EXPECT_EQ(got, kSamples);
  EXPECT_TRUE(pipeline.report().complete);
}

TEST(Lifecycle, ASourceMayEndBeforeItsFirstSample) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(0));
  pipeline.add(collect_into<int>(seen), source);
  auto reader = pipeline.reader(source);
  const Report report = pipeline.run();
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.samples, 0U);
  EXPECT_TRUE(seen.all().empty());
  EXPECT_FALSE(reader.get());
}

TEST(Lifecycle, WaitTellsWhetherThePipelineHasEnded) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  pipeline.add(feed_source(feed, Kind::File));
  EXPECT_THROW((void)pipeline.wait(Seconds{0}), StateError);  // not started
  pipeline.start();
  EXPECT_FALSE(pipeline.wait(Seconds{0}));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_FALSE(pipeline.wait(Seconds{0.02}));
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds{20});
  feed.finish();
  EXPECT_TRUE(pipeline.wait(Seconds{std::numeric_limits<double>::infinity()}));
  EXPECT_TRUE(pipeline.wait(Seconds{0}));
}

TEST(Lifecycle, WaitFromSeveralThreadsEndsInAllOfThem) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  pipeline.add(feed_source(feed, Kind::Live));
  pipeline.start();
  std::atomic<int> ended{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { ended += pipeline.wait() ? 1 : 0; });
    pipeline.stop();
  }
  EXPECT_EQ(ended, 4);
}

// ASan and TSan used to report errors here immediately.
TEST(Lifecycle, StopAndStatsMayComeWhileAnotherThreadAddsNodes) {
  for (int round = 0; round < 200; ++round) {
    Pipeline pipeline;
    std::barrier ready(3);
    const std::jthread adder([&] {
      ready.arrive_and_wait();
      try {
        for (int i = 0; i < 64; ++i) pipeline.add(count_source(1));
      } catch (const StateError&) {  // the stop was first
      }
    });
    const std::jthread stopper([&] {
      ready.arrive_and_wait();
      pipeline.stop();
    });
    ready.arrive_and_wait();
    EXPECT_LE(pipeline.stats().nodes.size(), 64U);
  }
}

TEST(Lifecycle, ARunThatAStopCutOffIsNotComplete) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  Seen<Sample<int>> seen;
  pipeline.add(collect_into<int>(seen), pipeline.add(feed_source(feed, Kind::File)));
  pipeline.start();
  feed.push_and_settle(1);
  seen.wait_for(1);
  pipeline.stop();
  EXPECT_FALSE(pipeline.report().complete);
}

TEST(Life, EndsWithItsLastNodeAndCallsTheHookOnce) {
  core::Life life(Clock::real(), false);
  int hooks = 0;
  life.set_end_hook([&] { ++hooks; });
  life.launch(2);
  life.go();
  life.arrive_finished();
  EXPECT_EQ(life.phase(), core::LifePhase::Running);
  life.arrive_finished();
  EXPECT_EQ(life.phase(), core::LifePhase::Ended);
  life.begin_stop();
  life.finish_stop();
  EXPECT_EQ(life.phase(), core::LifePhase::Ended) << "a stop came after the end";
  EXPECT_EQ(hooks, 1);
}

TEST(Life, DoesNotEndWhileANodeIsReplaced) {
  core::Life life(Clock::real(), false);
  life.launch(1);
  life.go();
  life.begin_replacement();
  life.arrive_finished();
  EXPECT_FALSE(life.has_ended());
  life.end_replacement();
  EXPECT_TRUE(life.has_ended());
}

TEST(Life, EndsWithAStopAloneWhereItKeepsRunning) {
  core::Life life(Clock::real(), true);
  life.launch(1);
  life.go();
  life.arrive_finished();
  EXPECT_TRUE(life.check_changes("add()"));
  life.begin_stop();
  EXPECT_THROW(life.check_changes("add()"), StateError);
  EXPECT_FALSE(life.has_ended());
  life.finish_stop();
  EXPECT_EQ(life.phase(), core::LifePhase::Stopped);
}

TEST(Life, OnePauseOfTheMachineIsNoStall) {
  constexpr auto kLimit = std::chrono::milliseconds(2);
  core::Life life(Clock::real(), false);
  life.launch(1);
  life.go();
  const auto look = [&](std::uint64_t moved, bool busy) {
    std::this_thread::sleep_for(2 * kLimit);
    return life.stands_still(moved, busy, kLimit);
  };
  EXPECT_FALSE(look(0, false));
  EXPECT_TRUE(look(0, false));
  EXPECT_FALSE(look(1, false)) << "a sample has been delivered";
  EXPECT_FALSE(look(1, false));
  EXPECT_FALSE(look(1, true)) << "a node is in a call";
  EXPECT_FALSE(look(1, false));
  EXPECT_TRUE(look(1, false));
}

}  // namespace
}  // namespace freshframe::test
