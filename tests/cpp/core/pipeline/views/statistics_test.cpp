// The state of the graph, and the newest errors, while the pipeline is built and runs.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/views/statistics.hpp"

#include "freshframe/pipeline.hpp"

#include <atomic>
#include <barrier>
#include <string>
#include <thread>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "cpp/core/test_frames.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

TEST(GraphState, MayBeTakenWhileAnotherThreadBuildsAndRunsThePipeline) {
  CheckedPipeline pipeline;
  std::atomic<bool> done{false};
  std::barrier start(2);
  std::thread onlooker([&] {
    start.arrive_and_wait();
    while (!done) {
      const auto seen = graph_state(*PipelineAccess::core(pipeline));
      EXPECT_EQ(seen.nodes.size(), seen.stats.nodes.size());
    }
  });
  start.arrive_and_wait();
  auto port = pipeline.add(count_source(2000));
  for (int i = 0; i < 20; ++i) port = pipeline.add(pass_on<int>(), port);
  auto reader = pipeline.reader(port);
  pipeline.start();
  while (reader.get()) {
  }
  done = true;
  onlooker.join();
}

TEST(GraphState, TellsThePhaseAndTheKinds) {
  {
    CheckedPipeline pipeline;
    const auto source = pipeline.add(count_source(3));
    pipeline.add(make_node<int, Nothing>([](const Sample<int>&, const Context&) { return Nothing{}; }),
                 source);
    auto& core = *PipelineAccess::core(pipeline);
    EXPECT_EQ(graph_state(core).phase, LifePhase::Created);
    EXPECT_EQ(graph_state(core).nodes[0].kind, NodeKind::Source);
    EXPECT_EQ(graph_state(core).nodes[1].kind, NodeKind::Sink);
    pipeline.run();
    pipeline.stop();
    EXPECT_EQ(graph_state(core).phase, LifePhase::Ended);
  }
  Feed<int> feed;
  CheckedPipeline stopped;
  stopped.add(feed_source(feed, Kind::Live));
  stopped.start();
  EXPECT_EQ(graph_state(*PipelineAccess::core(stopped)).phase, LifePhase::Running);
  stopped.stop();
  EXPECT_EQ(graph_state(*PipelineAccess::core(stopped)).phase, LifePhase::Stopped);
  CheckedPipeline never;
  never.add(count_source(1));
  never.stop();
  EXPECT_EQ(graph_state(*PipelineAccess::core(never)).phase, LifePhase::Stopped);
}

TEST(ErrorLog, KeepsTheNewestAndTheFirstThatEndedThePipeline) {
  ErrorLog log;
  for (int i = 1; i <= 40; ++i) {
    log.add({.node = "n", .text = std::to_string(i), .traceback = {}, .fatal = i == 5 || i == 30});
  }
  EXPECT_EQ(log.since(0).size(), ErrorLog::kKept);
  EXPECT_EQ(log.since(39).front().text, "40");
  EXPECT_EQ(log.first_fatal()->text, "5");
  EXPECT_TRUE(log.claim_traceback());
  EXPECT_FALSE(log.claim_traceback());
}

TEST(ErrorLog, TellsWhatFailedAndWhatWasSkipped) {
  CheckedPipeline pipeline;
  const auto port = pipeline.add(count_source(4));
  const auto picky = [](int limit) {
    return make_node<int, int>([limit](const Sample<int>& sample, const Context&) -> std::optional<int> {
      if (sample.value == limit) throw Error("no " + std::to_string(limit));
      return sample.value;
    });
  };
  pipeline.add(picky(1), port, {.name = "skips", .on_error = OnError::Skip});
  pipeline.add(picky(3), port, {.name = "fails"});
  EXPECT_THROW(pipeline.run(), NodeError);
  const auto failed = PipelineAccess::core(pipeline)->errors().first_fatal();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->node, "fails");
  EXPECT_EQ(failed->text, "no 3");
  EXPECT_EQ(graph_state(*PipelineAccess::core(pipeline)).phase, LifePhase::Failed);
}

}  // namespace
}  // namespace freshframe::test
