// Nodes that an embedder runs on its own threads, step by step, as the Python layer does.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/pipeline/changes/changes.hpp"
#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

/// Declares that it runs outside the engine: a loop in the test runs its steps.
class OutsideNode final : public NodeBase {
 public:
  explicit OutsideNode(bool fails_to_open = false) : fails_to_open_(fails_to_open) {}
  [[nodiscard]] NodeContract contract() const override { return {.runs_outside = true}; }
  void open(const Context& /*context*/) override {
    if (fails_to_open_) throw std::runtime_error("cannot open");
  }
  std::optional<Emitted> process_any(const AnySample& /*sample*/, const Context& /*context*/) override {
    throw std::logic_error("the engine called a node that runs outside");
  }

 private:
  const bool fails_to_open_;
};

int add_outside(Pipeline& pipeline, Port<int> parent, const AddOptions& options = {}) {
  const AnyPort parents[] = {parent.node};
  return pipeline.add_any(std::make_unique<OutsideNode>(), parents, options);
}

/// The embedder's loop: passes each value on, times ten, and throws on `bad`.
void run_outside(Runner& runner, int bad = -1) {
  runner.adopt_thread();
  if (runner.open_step()) {
    AnySample sample;
    while (runner.take(sample) == core::Taken::Sample) {
      const int value = *sample.value.as<int>();
      runner.meter().begin_call(sample);
      runner.meter().end_work();
      if (value == bad) {
        const auto cause = std::make_exception_ptr(std::range_error("bad value"));
        if (!runner.fail({cause, "bad value"}, core::FailedOn::one(&sample))) break;
        continue;
      }
      runner.outlet().emit({ValueRef::make<int>(10 * value), {}}, sample);
      sample = {};
    }
  }
  runner.close_step();
}

TEST(Outside, ANodeDrivenByItsEmbedderIsAFullMemberOfTheGraph) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const int outside = add_outside(pipeline, pipeline.add(count_source(50)), {.name = "outside"});
  pipeline.add(collect_into<int>(seen), Port<int>{outside});
  std::jthread thread;
  pipeline.start({.start_outside = [&] {
    thread = std::jthread([&] { run_outside(*core::PipelineAccess::core(pipeline)->runner(outside)); });
  }});
  EXPECT_TRUE(pipeline.wait());
  EXPECT_TRUE(pipeline.report().complete);
  EXPECT_EQ(seen.all().size(), 50U);
  EXPECT_EQ(seen.all().at(49).value, 490);
  EXPECT_EQ(node_of(pipeline, "outside").processed, 50U);
  EXPECT_EQ(node_of(pipeline, "outside").state, NodeState::Ended);
}

/// The embedder's loop on a thread that has already started. Native nodes and nodes outside take turns. Those
/// outside pass on each value times ten.
void run_in_turn(Runner& runner) {
  runner.intake().return_news(true);
  AnySample sample;
  for (;;) {
    if (!runner.node()->contract().runs_outside) {
      if (run_inside(runner)) break;
      continue;
    }
    const auto taken = runner.take(sample);
    if (taken == core::Taken::News) continue;
    if (taken != core::Taken::Sample) break;
    runner.meter().begin_call(sample);
    runner.meter().end_work();
    runner.outlet().emit({ValueRef::make<int>(10 * *sample.value.as<int>()), {}}, sample);
    sample = {};
  }
  runner.close_step();
}

TEST(Outside, NodesOfBothKindsTakeEachOthersPlaceBelowLoadAndLoseNothing) {
  constexpr int kRounds = 300;
  constexpr int kLeastRounds = 10;  // for a machine on which every thread switch takes long
  constexpr std::chrono::seconds kLongest{10};
  for (const bool is_native_first : {false, true}) {
    std::atomic<bool> enough{false};
    std::atomic<int> sent{0};
    // The number of samples that are sent without a pause. The rest are sent one per millisecond, because a
    // slow machine keeps all of them.
    std::atomic<int> at_once{0};
    Seen<Sample<int>> seen;
    CheckedPipeline pipeline;
    const auto cam =
        pipeline.add(make_source<int>({.read = [&](const Context&) -> std::optional<SourceItem<int>> {
          if (sent >= at_once) std::this_thread::sleep_for(std::chrono::milliseconds(1));
          if (enough) return std::nullopt;
          return SourceItem<int>{.value = 1, .pts = sent++ / 25.0};
        }}));
    const auto ten = [] {
      return make_node<int, int>(
          NodeHooks<int, int>{.process = [](const Sample<int>& sample, const Context&) {
            return std::optional<int>(10 * sample.value);
          }});
    };
    const AnyPort parents[] = {cam.node};
    const int step = is_native_first
                         ? pipeline.add(ten(), cam, {.name = "step"}).node
                         : pipeline.add_any(std::make_unique<OutsideNode>(), parents, {.name = "step"});
    pipeline.add(collect_into<int>(seen), Port<int>{step});
    std::jthread thread;
    auto& core = *core::PipelineAccess::core(pipeline);
    pipeline.start({.start_outside = [&] {
      if (is_native_first) return;
      thread = std::jthread([&] {
        auto& runner = *core.runner(step);
        runner.adopt_thread();
        if (runner.open_step()) run_in_turn(runner);
      });
    }});
    const auto replace = [&](std::unique_ptr<NodeBase> node) {
      at_once = sent + 500;
      const bool needs_thread =
          node->contract().runs_outside && core.runner(step)->place().hosting().on_native_thread;
      const auto asked = core::begin_replace(core, step, std::move(node));
      if (needs_thread) {
        thread = std::jthread([&core, step, asked] {
          if (!core::wait_placed(core, *asked)) return;
          auto& runner = *core.runner(step);
          runner.adopt_thread();
          run_in_turn(runner);
        });
      }
      // Returns immediately if the node is blocked, because its starved consumer takes nothing.
      if (!core::finish_replace(core, *asked, Seconds(100))) {
        EXPECT_TRUE(core.life().call_locked([&] { return asked->left; }));
        core.life().wait([&] { return asked->over.load(); });
      }
      EXPECT_EQ(core::has_place(core, *asked), true);
    };
    const auto late = std::chrono::steady_clock::now() + kLongest;
    for (int i = 0; i < kRounds && (i < kLeastRounds || std::chrono::steady_clock::now() < late); ++i) {
      if (is_native_first) replace(std::make_unique<OutsideNode>());
      replace(ten());
      if (!is_native_first) replace(std::make_unique<OutsideNode>());
    }
    enough = true;
    EXPECT_TRUE(pipeline.wait());
    const auto all = seen.all();
    ASSERT_EQ(all.size(), static_cast<std::size_t>(sent));
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(all[i].stamp.seq, static_cast<std::int64_t>(i));
      EXPECT_EQ(all[i].value, 10);
    }
    EXPECT_EQ(node_of(pipeline, "step").processed, all.size());
  }
}

/// An exception of the embedder's own, such as Ctrl-C.
struct Interrupted {};

TEST(Outside, AnExceptionOfTheEmbeddersEndsTheStartAndStopsEverything) {
  CheckedPipeline pipeline;
  const int outside = add_outside(pipeline, pipeline.add(count_source(5)));
  EXPECT_THROW(pipeline.start({.start_outside = [] { throw Interrupted(); }}), Interrupted);
  EXPECT_THROW(pipeline.stop(Seconds{0}), StopTimeoutError) << "its node has not ended";
  run_outside(*core::PipelineAccess::core(pipeline)->runner(outside));
  pipeline.stop();
  EXPECT_EQ(node_of(pipeline, "source").processed, 0U);
}

TEST(Outside, ALookEndsAWaitOfEveryKindAndOnlyTheWait) {
  Gate gate(/*heeds_stop=*/false);
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const int outside = add_outside(pipeline, pipeline.add(count_source(5)));
  pipeline.add(collect_behind<int>(gate, seen), Port<int>{outside});
  std::jthread thread;
  const auto interrupt = [] { throw Interrupted(); };
  const auto start_outside = [&] {
    thread = std::jthread([&] { run_outside(*core::PipelineAccess::core(pipeline)->runner(outside)); });
  };
  pipeline.start({.start_outside = start_outside, .hook = [] {}});
  gate.wait_entered(1);
  EXPECT_THROW(pipeline.wait(std::nullopt, interrupt), Interrupted);
  EXPECT_FALSE(pipeline.wait(Seconds{0}, interrupt));
  EXPECT_THROW(pipeline.stop(Seconds{1000}, interrupt), Interrupted);
  gate.open();
  pipeline.stop(Seconds{1000}, [] {});
  EXPECT_TRUE(pipeline.wait());
}

TEST(Outside, WaitOpenedRunsOutOfTimeUntilTheEmbedderHasOpenedItsNode) {
  CheckedPipeline pipeline;
  const int outside = add_outside(pipeline, pipeline.add(count_source(5)));
  auto& core = *core::PipelineAccess::core(pipeline);
  core.launch();
  EXPECT_FALSE(core.wait_opened(Seconds{0.01}));
  EXPECT_EQ(node_of(pipeline, "source").processed, 0U);  // no sample is sent before
  const std::jthread thread([&] { run_outside(*core.runner(outside)); });
  EXPECT_TRUE(core.wait_opened(std::nullopt));
  core.go();
  EXPECT_TRUE(pipeline.wait());
}

TEST(Outside, AnEmbedderIsToldBeforeAnEmitThatWouldWait) {
  Gate gate(/*heeds_stop=*/true);
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const int outside =
      add_outside(pipeline, pipeline.add(count_source(20)), {.queue = Queue{20, WhenFull::Block}});
  pipeline.add(collect_behind<int>(gate, seen), Port<int>{outside}, {.queue = Queue{3, WhenFull::Block}});
  pipeline.add(collect_into<int>(seen), Port<int>{outside}, {.queue = Queue{1, WhenFull::DropOldest}});
  auto& core = *core::PipelineAccess::core(pipeline);
  core.launch();
  int emitted = 0;
  const std::jthread thread([&] {
    auto& runner = *core.runner(outside);
    runner.adopt_thread();
    if (runner.open_step()) {
      AnySample sample;
      EXPECT_EQ(runner.take(sample), core::Taken::Sample);
      while (!runner.outlet().would_wait()) {
        runner.outlet().emit({ValueRef::make<int>(emitted++), {}}, sample);
        if (emitted == 1) gate.wait_entered(1);  // the consumer holds the first, and its queue is empty
      }
      EXPECT_FALSE(runner.outlet().is_blocked());
      gate.open();
      wait_until([&] { return !runner.outlet().would_wait(); });
    }
    runner.close_step();
  });
  core.wait_opened(std::nullopt);
  core.go();
  EXPECT_TRUE(pipeline.wait());
  EXPECT_EQ(emitted, 4);  // one held, three in the queue
}

TEST(Outside, ATakeThatDoesNotWaitGivesWhatIsThere) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const int outside = add_outside(pipeline, pipeline.add(feed_source(feed, Kind::File)));
  auto& core = *core::PipelineAccess::core(pipeline);
  core.launch();
  auto& runner = *core.runner(outside);
  runner.adopt_thread();
  ASSERT_TRUE(runner.open_step());
  core.wait_opened(std::nullopt);
  core.go();
  AnySample sample;
  EXPECT_FALSE(runner.try_take(sample));
  feed.push_and_settle(7);
  ASSERT_TRUE(runner.try_take(sample));
  EXPECT_EQ(*sample.value.as<int>(), 7);
  sample = {};
  feed.finish();
  EXPECT_EQ(runner.take(sample), core::Taken::Ended);
  EXPECT_FALSE(runner.try_take(sample));  // including at the end
  runner.close_step();
  EXPECT_TRUE(pipeline.wait());
}

TEST(Outside, AFailureThatTheEmbedderReportsReachesTheCaller) {
  CheckedPipeline pipeline;
  const int outside =
      add_outside(pipeline, pipeline.add(count_source(50), {.name = "clip"}), {.name = "python"});
  auto& core = *core::PipelineAccess::core(pipeline);
  core.launch();
  const std::jthread thread([&] { run_outside(*core.runner(outside), 7); });
  core.wait_opened(std::nullopt);
  core.go();
  try {
    (void)pipeline.wait();
    ADD_FAILURE() << "wait() returned";
  } catch (const NodeError& error) {
    EXPECT_EQ(error.node(), "python");
    EXPECT_EQ(error.seq(), 7);
    EXPECT_EQ(error.source(), "clip");
    EXPECT_THROW(std::rethrow_exception(error.cause()), std::range_error);
  }
}

TEST(Outside, SkipCountsWhatTheEmbedderReports) {
  CheckedPipeline pipeline;
  const int outside =
      add_outside(pipeline, pipeline.add(count_source(50)), {.name = "python", .on_error = OnError::Skip});
  auto& core = *core::PipelineAccess::core(pipeline);
  core.launch();
  const std::jthread thread([&] { run_outside(*core.runner(outside), 7); });
  core.wait_opened(std::nullopt);
  core.go();
  EXPECT_TRUE(pipeline.wait());
  EXPECT_EQ(drops_of(node_of(pipeline, "python"), NodeDropCause::Error), 1U);
}

TEST(Outside, AnOpenThatFailsFailsTheStart) {
  CheckedPipeline pipeline;
  const AnyPort parents[] = {pipeline.add(count_source(5)).node};
  const int outside = pipeline.add_any(std::make_unique<OutsideNode>(true), parents, {.name = "python"});
  auto& core = *core::PipelineAccess::core(pipeline);
  core.launch();
  const std::jthread thread([&] { run_outside(*core.runner(outside)); });
  EXPECT_THROW((void)core.wait_opened(std::nullopt), NodeError);
}

TEST(Outside, StopIsHeededAndABusyEmbedderIsNamed) {
  Gate gate(/*heeds_stop=*/false);
  Feed<int> feed;
  CheckedPipeline pipeline;
  const int outside = add_outside(pipeline, pipeline.add(feed_source(feed, Kind::Live)), {.name = "python"});
  auto& core = *core::PipelineAccess::core(pipeline);
  core.launch();
  const std::jthread thread([&] {
    auto& runner = *core.runner(outside);
    runner.adopt_thread();
    if (runner.open_step()) {
      AnySample sample;
      while (runner.take(sample) == core::Taken::Sample) gate.pass(core.stop_token());
    }
    runner.close_step();
  });
  core.wait_opened(std::nullopt);
  core.go();
  feed.push(1);
  gate.wait_entered(1);
  try {
    pipeline.stop(Seconds{1});
    ADD_FAILURE() << "stop() returned";
  } catch (const StopTimeoutError& timeout) {
    EXPECT_EQ(timeout.nodes(), std::vector<std::string>{"python"});
  }
  gate.open();
  EXPECT_NO_THROW(pipeline.stop());
}

TEST(Outside, TheEndHookIsCalledOnceWhenTheLastNodeHasEnded) {
  std::atomic<int> calls{0};
  CheckedPipeline pipeline;
  pipeline.add(pass_on<int>(), pipeline.add(count_source(5)));
  core::PipelineAccess::core(pipeline)->life().set_end_hook([&] { ++calls; });
  (void)pipeline.run();
  pipeline.stop();
  EXPECT_EQ(calls, 1);
}

TEST(Outside, ANodeWhoseThreadCannotBeginLeavesWithTheRemovalThatAnotherThreadWaitsFor) {
  Feed<int> feed;
  CheckedPipeline pipeline({.keep_running = true});
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.start();
  auto& core = *core::PipelineAccess::core(pipeline);
  const AnyPort parents[] = {cam.node};
  const int child = core::add_node(core, std::make_unique<OutsideNode>(), parents, {.name = "child"});
  const auto runner = core.runner(child);
  ASSERT_TRUE(runner->life().claim()) << "its thread would be about to begin";
  std::jthread remover([&] { EXPECT_EQ(pipeline.remove(cam, {.timeout = Seconds{20}}).nodes.size(), 2U); });
  wait_until([&] { return runner->life().removal() != nullptr; });
  core::give_up_add(core, child);
  remover.join();
  EXPECT_TRUE(runner->life().is_forgotten());
}

TEST(ReadyHook, IsCalledForEverySampleAndForTheEnd) {
  Feed<int> feed;
  std::atomic<int> calls{0};
  CheckedPipeline pipeline;
  const AnyPort parents[] = {pipeline.add(feed_source(feed, Kind::File)).node};
  const auto reader = pipeline.reader_any(parents, {});
  pipeline.start();
  reader->inbox().set_ready_hook([&] { ++calls; });
  for (int i = 1; i <= 3; ++i) {
    feed.push_and_settle(i);
    EXPECT_EQ(calls, i);
  }
  feed.finish();
  EXPECT_TRUE(pipeline.wait());
  EXPECT_GE(calls, 4);
  reader->inbox().set_ready_hook({});
  pipeline.stop();
}

TEST(ReadyHook, AnArmedNextReaderWaitsWithoutAThread) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const AnyPort parents[] = {pipeline.add(feed_source(feed, Kind::Live)).node};
  const auto reader = pipeline.reader_any(parents, {.queue = kNext});
  pipeline.start();
  feed.push_and_settle(0);
  EXPECT_EQ(drops_of(edge_of(pipeline, "source", "reader"), DropCause::NoWaiter), 1U);
  reader->inbox().arm(true);
  feed.push_and_settle(1);
  EXPECT_EQ(edge_of(pipeline, "source", "reader").waiting, 1U);
  feed.push_and_settle(2);  // one sample was already delivered
  EXPECT_EQ(drops_of(edge_of(pipeline, "source", "reader"), DropCause::NoWaiter), 2U);
  const auto handed = reader->wait_until(TimePoint::min());
  ASSERT_TRUE(handed);
  EXPECT_EQ(*handed->sample.value.as<int>(), 1);
}

}  // namespace
}  // namespace freshframe::test
