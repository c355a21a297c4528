// StalledError: only if no sample moves, no node works, and a full blocking edge is the reason.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "cpp/core/test_frames.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

// Stalls are timed by the machine's clock, so these tests wait a little. None asserts a maximum duration.
constexpr double kStall = 0.1;

Pipeline::Options options_with(std::optional<double> stall_timeout) {
  Pipeline::Options options;
  options.stall_timeout = stall_timeout;
  return options;
}

TEST(Stalled, NamesTheReaderThatNobodyReads) {
  CheckedPipeline pipeline(options_with(kStall));
  const auto source = pipeline.add(count_source(100));
  auto reader = pipeline.reader(source, {.name = "forgotten"});
  pipeline.start();
  const std::string message = message_of<StalledError>([&] { (void)pipeline.wait(); });
  EXPECT_TRUE(contains(message, "reader 'forgotten' is not read")) << message;
  EXPECT_EQ(reader.get()->value, 0);  // StalledError ends the wait, not the pipeline
}

TEST(Stalled, NamesTheReaderAndNotTheNodeThatWaitsForIt) {
  CheckedPipeline pipeline(options_with(kStall));
  const auto step = pipeline.add(pass_on<int>(), pipeline.add(count_source(100)));
  const auto reader = pipeline.reader(step, {.name = "forgotten"});
  pipeline.start();
  const std::string message = message_of<StalledError>([&] { (void)pipeline.wait(); });
  EXPECT_TRUE(contains(message, "reader 'forgotten' is not read")) << message;
}

TEST(Stalled, ComesWhenNodesKeepEveryFrameThatTheEngineMayHold) {
  Seen<Sample<Frame>> hoard;
  CheckedPipeline pipeline(options_with(kStall));
  const auto source = pipeline.add(make_source<Frame>(
      {.live = false, .read = [](const Context& context) -> std::optional<SourceItem<Frame>> {
         return SourceItem<Frame>{gray_frame(1), 0, context.clock.now()};
       }}));
  pipeline.add(collect_into<Frame>(hoard), source, {.name = "hoarder"});
  pipeline.start();
  const std::string message = message_of<StalledError>([&] { (void)pipeline.wait(); });
  EXPECT_TRUE(contains(message, std::to_string(pipeline.stats().pool.bound))) << message;
}

TEST(Stalled, ComesFromRunToo) {
  CheckedPipeline pipeline(options_with(kStall));
  const auto reader = pipeline.reader(pipeline.add(count_source(100)), {.name = "forgotten"});
  EXPECT_THROW((void)pipeline.run(), StalledError);
}

TEST(Stalled, DoesNotComeWhileANodeWorksHoweverLong) {
  Gate gate;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline(options_with(kStall));
  pipeline.add(collect_behind<int>(gate, seen), pipeline.add(count_source(100)), {.name = "slow"});
  pipeline.start();
  gate.wait_entered(1);
  EXPECT_FALSE(pipeline.wait(Seconds{5 * kStall}));
  gate.open();
  EXPECT_TRUE(pipeline.wait());
}

TEST(Stalled, DoesNotComeWhileASilentSourceIsWaitedFor) {
  Feed<int> feed;
  CheckedPipeline pipeline(options_with(kStall));
  const auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::File)));
  pipeline.start();
  feed.push_and_settle(0);  // waits in the reader, but the edge is not full
  EXPECT_FALSE(pipeline.wait(Seconds{5 * kStall}));
}

TEST(Stalled, DoesNotComeOnEdgesThatDrop) {
  Feed<int> feed;
  CheckedPipeline pipeline(options_with(kStall));
  const auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  for (int i = 0; i < 5; ++i) feed.push_and_settle(i);
  EXPECT_FALSE(pipeline.wait(Seconds{5 * kStall}));
}

TEST(Stalled, NeverComesWhenItIsSwitchedOff) {
  CheckedPipeline pipeline(options_with(std::nullopt));
  const auto reader = pipeline.reader(pipeline.add(count_source(100)));
  pipeline.start();
  EXPECT_FALSE(pipeline.wait(Seconds{5 * kStall}));
}

TEST(Stalled, ComesAfterTheTimeThatWasAskedForAndNotBefore) {
  CheckedPipeline pipeline(options_with(3 * kStall));
  const auto reader = pipeline.reader(pipeline.add(count_source(100)));
  const auto began = std::chrono::steady_clock::now();
  pipeline.start();
  EXPECT_THROW((void)pipeline.wait(), StalledError);
  EXPECT_GE(std::chrono::steady_clock::now() - began, to_duration(Seconds{3 * kStall}));
}

TEST(Stalled, IsNotOneIntervalInWhichTheWholeMachineMayHaveStoodStill) {
  constexpr double kLimit = 0.4;
  bool has_looked_early = false;
  while (!has_looked_early) {
    CheckedPipeline pipeline(options_with(kLimit));
    const auto reader = pipeline.reader(pipeline.add(count_source(100)));
    const auto began = std::chrono::steady_clock::now();
    pipeline.start();
    wait_until([&] { return node_of(pipeline, "source").state == NodeState::Blocked; });
    EXPECT_FALSE(pipeline.wait(Seconds{0}));  // the first look
    // The interval before this call counts, too, and may be long on a busy machine.
    has_looked_early = std::chrono::steady_clock::now() - began < to_duration(Seconds{kLimit / 4});
    if (!has_looked_early) continue;
    std::this_thread::sleep_for(to_duration(Seconds{1.5 * kLimit}));
    EXPECT_NO_THROW(EXPECT_FALSE(pipeline.wait(Seconds{0})));
    EXPECT_THROW((void)pipeline.wait(), StalledError);
  }
}

TEST(Stalled, DoesNotComeWhileAReaderReadsSlowly) {
  CheckedPipeline pipeline(options_with(5.0));  // a machine may be suspended for half of this
  auto reader = pipeline.reader(pipeline.add(count_source(25)));
  pipeline.start();
  const std::jthread consumer([&] {  // 1.5 s in total, each step far below the limit
    while (reader.get()) std::this_thread::sleep_for(std::chrono::milliseconds{60});
  });
  EXPECT_TRUE(pipeline.wait());
}

TEST(Stalled, ComesFromGetWhenAnotherReaderIsNeverRead) {
  CheckedPipeline pipeline(options_with(kStall));
  const auto source = pipeline.add(count_source(100));
  auto read = pipeline.reader(source, {.name = "read"});
  const auto forgotten = pipeline.reader(source, {.name = "forgotten"});
  pipeline.start();
  const std::string message = message_of<StalledError>([&] {
    while (read.get()) {
    }
  });
  EXPECT_TRUE(contains(message, "reader 'forgotten' is full")) << message;
  EXPECT_NO_THROW(pipeline.stop());
}

}  // namespace
}  // namespace freshframe::test
