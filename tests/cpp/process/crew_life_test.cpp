// Start and stop of a node in worker processes, in each state of its workers, which run the program
// crew_worker.cpp.
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <thread>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "cpp/process/crew_rig.hpp"

namespace freshframe::process {
namespace {

TEST(Crew, StartsOnlyWhenEveryWorkerHasOpened) {
  Rig failing({.workers = 2}, "fails in open");
  EXPECT_TRUE(contains(failure_of_start(failing), "node 'w' failed: cannot open"));
}

TEST(Crew, ReportsAWorkerThatDiedWhileStarting) {
  Rig dying({}, "dies in open");
  const auto text = failure_of_start(dying);
  EXPECT_TRUE(contains(text, "its worker died: killed by signal 9 (Killed) while it was starting")) << text;
}

TEST(Crew, RefusesAWorkerOfAnotherVersion) {
  Rig old({}, {}, {}, "0");
  const auto text = failure_of_start(old);
  EXPECT_TRUE(contains(text, "it runs freshframe 0, but this process runs 1")) << text;
}

TEST(Crew, NeedsTheRealClock) {
  Pipeline::Options options;
  options.clock = std::make_shared<SimulatedClock>();
  Rig simulated({}, {}, options);
  EXPECT_TRUE(contains(failure_of_start(simulated), "worker processes need the real clock"));
}

// ---- the stop, in each state

TEST(Crew, StopsWhileItsWorkersStart) {
  Rig rig({}, "hangs in open");
  std::jthread starter([&] {
    try {
      rig.start();
    } catch (const Error&) {  // start() fails if the stop came first
    }
  });
  wait_until([&] { return rig.worker().pid != 0; });
  rig.node->kill_by(std::chrono::steady_clock::now());
  core::PipelineAccess::core(rig.pipeline)->request_stop();
  starter.join();
  rig.stop();
  EXPECT_EQ(rig.worker().state, WorkerState::Ended);
}

TEST(Crew, StopsWhileItsWorkersAreIdle) {
  Rig rig({.workers = 2});
  rig.start();
  rig.stop(Seconds{30});
  EXPECT_FALSE(contains(rig.log(), "worker")) << rig.log();
}

TEST(Crew, LetsAWorkerFinishItsSampleWhenItStops) {
  const Marks marks;
  Rig rig;
  rig.start();
  rig.push({"wait " + marks.path("go")});
  rig.await(WorkerState::Working);
  std::jthread stopper([&] { rig.stop(Seconds{30}); });
  wait_until([&] { return core::PipelineAccess::core(rig.pipeline)->stop_token().stop_requested(); });
  marks.set("go");
  stopper.join();
  EXPECT_EQ(rig.stats().processed, 1U);
}

TEST(Crew, KillsAWorkerThatDoesNotFinishWhenTheStopsTimeIsOver) {
  Rig rig;
  rig.start();
  rig.push({"hang"});
  rig.await(WorkerState::Working);
  rig.stop();
  EXPECT_EQ(test::drops_of(rig.stats(), NodeDropCause::Stop), 1U);
}

TEST(Crew, StopsWhileAWorkerRests) {
  Rig rig({.max_restarts = 10});
  rig.start();
  rig.push({"exit", "exit", "exit", "exit"});
  rig.await(WorkerState::Resting);
  rig.stop();
  EXPECT_EQ(rig.worker().state, WorkerState::Ended);
}

TEST(Crew, KillsAWorkerThatHangsInClose) {
  Rig rig({}, "hangs in close");
  rig.start();
  rig.feed.finish();
  rig.await(WorkerState::Closing);
  rig.stop();
  EXPECT_TRUE(contains(rig.log(), "a worker of 'w' was killed: it did not stop in time")) << rig.log();
}

TEST(Crew, FailsWhenItsNodeCannotClose) {
  Rig rig({}, "fails in close");
  rig.start();
  rig.feed.finish();
  const auto text = test::message_of<NodeError>([&] { rig.pipeline.wait(); });
  EXPECT_TRUE(contains(text, "cannot close")) << text;
}

TEST(Crew, FailsWhenAWorkerDiesInItsClose) {
  Rig rig({}, "dies in close");
  rig.start();
  rig.feed.finish();
  const auto text = test::message_of<NodeError>([&] { rig.pipeline.wait(); });
  EXPECT_TRUE(contains(text, "its worker died: killed by signal 9 (Killed) in its close()")) << text;
}

TEST(Crew, DoesNotFailWhenAWorkerDiesAfterItsClose) {
  Rig rig({}, "dies after close");
  rig.start();
  rig.feed.finish();
  rig.pipeline.wait();
  EXPECT_TRUE(contains(rig.log(), "a worker of 'w' died: killed by signal 9")) << rig.log();
}

TEST(Crew, ALaterStopDoesNotLengthenTheTimeOfAnEarlierOne) {
  Rig rig;
  rig.start();
  const auto early = std::chrono::steady_clock::now();
  rig.node->kill_by(early + std::chrono::hours(2));
  rig.node->kill_by(early);
  rig.node->kill_by(early + std::chrono::hours(1));
  EXPECT_EQ(rig.node->kill_by(), early);
}

TEST(Crew, NamesTheMemoryLimitOfAWorkerThatDiesWhileItStarts) {
  Rig rig({.max_bytes = std::uint64_t{64} << 20U}, "dies in open");
  const auto text = failure_of_start(rig);
  EXPECT_TRUE(contains(text, "while it was starting; its max_bytes= is 64 MiB")) << text;
}

// The pause before a restart counts as work, because the node is not waiting for input.
TEST(Crew, CountsAWorkerThatRestsAsBusy) {
  Rig rig({.max_restarts = 100});
  rig.start();
  rig.push({"exit", "exit", "exit", "exit"});
  rig.await(WorkerState::Resting);
  EXPECT_EQ(rig.stats().state, NodeState::Working);
}

}  // namespace
}  // namespace freshframe::process
