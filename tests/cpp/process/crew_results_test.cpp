// Results of a node in worker processes: their order, size and frames. The workers run the program
// crew_worker.cpp.
// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <string>
#include <utility>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "cpp/process/crew_rig.hpp"

namespace freshframe::process {
namespace {

TEST(Crew, GivesResultsInTheOrderOfTheSamples) {
  const Marks marks;
  Rig rig({.workers = 2});
  rig.start();
  rig.push({"wait " + marks.path("go"), "b"});
  wait_until([&] { return rig.worker(0).processed + rig.worker(1).processed == 1; });
  EXPECT_FALSE(rig.reader->poll()) << "the second came before the first";
  EXPECT_EQ(rig.stats().in_flight, 2U) << "what waits for its order is in flight";
  marks.set("go");
  EXPECT_TRUE(rig.get().starts_with("wait"));
  EXPECT_EQ(rig.get(), "b");
}

TEST(Crew, EmitsResultsInOrderOfCompletionIfRequested) {
  const Marks marks;
  Rig rig({.workers = 2, .ordered = false});
  rig.start();
  rig.push({"wait " + marks.path("go"), "b"});
  EXPECT_EQ(rig.get(), "b");
  marks.set("go");
  EXPECT_TRUE(rig.get().starts_with("wait"));
}

TEST(Crew, EndsWithItsInput) {
  Rig rig({.workers = 3});
  rig.start();
  Texts all;
  for (int i = 0; i < 200; ++i) all.push_back(std::to_string(i));
  for (const auto& text : all) rig.feed.push(text);
  rig.feed.finish();
  EXPECT_EQ(rig.rest(), all);
  EXPECT_TRUE(rig.pipeline.wait());
  EXPECT_EQ(rig.worker().state, WorkerState::Ended);
}

// Fails only under AddressSanitizer: the sending thread iterates over its list of edges while readers are added.
TEST(Crew, TakesResultsWhileEarlierOnesWaitAndReadersCome) {
  Rig rig;
  rig.start();
  const int full = kLossless.depth;
  Texts all;
  for (int i = 0; i <= full + 1; ++i) all.push_back(std::to_string(i));
  for (int i = 0; i <= full; ++i) rig.feed.push(all.at(static_cast<std::size_t>(i)));
  wait_until([&] { return rig.stats().state == NodeState::Blocked; });
  auto late = rig.pipeline.reader(rig.port());
  rig.feed.push(all.back());
  wait_until([&] { return rig.worker().processed == all.size(); });
  rig.feed.finish();
  EXPECT_EQ(rig.rest(), all);
  EXPECT_EQ(late.get(Seconds{60}).value().value, all.back());
}

TEST(Crew, EmitsNothingForNothing) {
  Rig rig;
  rig.start();
  rig.push({"nothing", "a"});
  EXPECT_EQ(rig.get(), "a");
  EXPECT_EQ(rig.stats().processed, 2U);
}

TEST(Crew, TakesLargeResultsAndRefusesThoseBeyondTheLimit) {
  Rig rig({.skips_errors = true});
  rig.start();
  rig.push({"large 1", "large 3", "large 50", "large 1100", "large 3", "large 1100", "large 60", "end"});
  for (const auto size : {1'000'000U, 3'000'000U, 50'000'000U, 3'000'000U, 60'000'000U})
    EXPECT_EQ(rig.get().size(), size);
  EXPECT_EQ(rig.get(), "end");
  EXPECT_EQ(rig.stats().errors, 2U);
  EXPECT_TRUE(contains(rig.stats().last_error, "more than a worker may send, 1024 MiB"))
      << rig.stats().last_error;
}

TEST(Crew, GivesAWorkersInputBackAndEndsItsLeases) {
  Rig<Frame> rig;
  rig.start();
  FrameBuilder builder({.width = 640, .height = 480, .format = PixelFormat::Gray});
  const auto frame = std::move(builder).publish(basic_pixel_ops());
  rig.push({frame});
  EXPECT_TRUE(rig.get().shares(frame));
  EXPECT_EQ(rig.pipeline.stats().held_bytes, 0U);
}

TEST(Crew, CountsWhatAWorkerKeepsUntilItEnds) {
  Rig<Frame> rig({.max_restarts = 5}, "keeps frames");
  rig.start();
  constexpr std::size_t kBytes = std::size_t{640} * 480;
  for (int i = 0; i < 4; ++i) {
    FrameBuilder builder({.width = 640, .height = 480, .format = PixelFormat::Gray});
    rig.push({std::move(builder).publish(basic_pixel_ops())});
    (void)rig.get();
  }
  wait_until([&] { return rig.pipeline.stats().held_bytes == 4 * kBytes; });
  ::kill(rig.worker().pid, SIGKILL);
  wait_until([&] { return rig.pipeline.stats().held_bytes <= kBytes; });  // the reader holds the newest frame
}

TEST(Crew, TakesNoMoreThanTwoSamplesPerWorkerWhileTheFirstOfThemIsAtWork) {
  const Marks marks;
  Rig rig({.workers = 2});
  rig.start();
  rig.push({"wait " + marks.path("go"), "a", "b", "c", "d", "e", "f"});
  wait_until([&] { return rig.worker(0).processed + rig.worker(1).processed == 3; });
  wait_until([&] { return rig.stats().in_flight == 4 && rig.pipeline.stats().edges.at(0).waiting == 3; });
  EXPECT_EQ(rig.stats().processed, 0U);
  marks.set("go");
  EXPECT_TRUE(rig.get().starts_with("wait"));
  for (const auto* const text : {"a", "b", "c", "d", "e", "f"}) EXPECT_EQ(rig.get(), text);
}

TEST(Crew, MakesRoomForTheFramesThatWaitInIt) {
  Rig one({.workers = 1});
  one.start();
  Rig three({.workers = 3});
  three.start();
  EXPECT_EQ(core::PipelineAccess::core(three.pipeline)->budget()->bound() -
                core::PipelineAccess::core(one.pipeline)->budget()->bound(),
            4);  // 2 N - 1
}

TEST(Crew, SendsAFramesOtherFormatsAlongAndTakesTheOneThatComesBack) {
  Rig<Frame> rig({}, "gives gray back");
  rig.start();
  FrameBuilder builder({.width = 64, .height = 48, .format = PixelFormat::I420});
  const auto frame = std::move(builder).publish(basic_pixel_ops());
  (void)frame.to(PixelFormat::Gray);
  rig.push({frame});
  const auto back = rig.get();
  EXPECT_EQ(back.format(), PixelFormat::Gray);
  EXPECT_TRUE(back.shares(frame));
}

}  // namespace
}  // namespace freshframe::process
