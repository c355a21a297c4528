// Nodes with ticks.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <vector>

#include "core/pipeline/runner/tick_grid.hpp"
#include "cpp/core/pipeline/clocked.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using namespace std::chrono_literals;

TEST(TickGrid, TakesTheLatestTickThatIsDueAndCountsTheOthers) {
  core::TickGrid grid(TimePoint(100s), 10s);
  EXPECT_FALSE(grid.take(TimePoint(109s)));
  EXPECT_EQ(grid.next(), TimePoint(110s));
  auto tick = grid.take(TimePoint(110s));
  ASSERT_TRUE(tick);
  EXPECT_EQ(tick->at, TimePoint(110s));
  EXPECT_EQ(tick->missed, 0U);
  EXPECT_FALSE(grid.take(TimePoint(119s)));
  tick = grid.take(TimePoint(145s));
  ASSERT_TRUE(tick);
  EXPECT_EQ(tick->at, TimePoint(140s));
  EXPECT_EQ(tick->missed, 2U);
  EXPECT_EQ(grid.next(), TimePoint(150s));
}

TEST(TickGrid, LosesNoneUnderRandomSteps) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto period = TimePoint::duration(std::uniform_int_distribution<std::int64_t>(1, 1000)(random));
    const TimePoint start(
        TimePoint::duration(std::uniform_int_distribution<std::int64_t>(0, 1 << 20)(random)));
    core::TickGrid grid(start, period);
    auto now = start;
    std::uint64_t counted = 0;
    for (int step = 0; step < 100; ++step) {
      now += TimePoint::duration(std::uniform_int_distribution<std::int64_t>(0, 3000)(random));
      if (const auto tick = grid.take(now)) {
        counted += 1 + tick->missed;
        EXPECT_LE(tick->at, now);
        EXPECT_LT(now - tick->at, period);
      }
      EXPECT_EQ(counted, static_cast<std::uint64_t>((now - start) / period));
      EXPECT_GT(grid.next(), now);
    }
  }
}

TEST(Ticks, GiveAStreamOfTheNodesOwnAlsoBeforeTheFirstSample) {
  const auto clock = std::make_shared<SimulatedClock>();
  clock->advance(Seconds(1000));
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline(clock);
  const auto node = pipeline.add(clocked(), pipeline.add(feed_source(feed, Kind::Live)), {.queue = Queue{8}});
  pipeline.add(collect_into<int>(seen), node, {.max_age = 0.5});
  pipeline.start();
  clock->wait_for_sleepers(1);
  clock->advance(Seconds(1));
  seen.wait_for(1);
  feed.push_and_settle(5);
  feed.push_and_settle(5);
  wait_until([&] { return node_of(pipeline, "clocked").processed == 2; });
  clock->wait_for_sleepers(1);
  clock->advance(Seconds(1));
  seen.wait_for(2);
  const auto all = seen.all();
  EXPECT_EQ(values(all), (std::vector{0, 2}));
  EXPECT_EQ(all[0].stamp.seq, 0);
  EXPECT_EQ(all[1].stamp.seq, 1);
  EXPECT_DOUBLE_EQ(all[1].stamp.pts, 2);
  EXPECT_EQ(all[1].stamp.captured, TimePoint(1002s));
  EXPECT_EQ(all[1].stamp.source, node.node);
  EXPECT_EQ(node_of(pipeline, "clocked").ticks, 2U);
  EXPECT_EQ(node_of(pipeline, "clocked").processed, 2U);
}

TEST(Ticks, AfterAnHourOfSilenceAreFresh) {
  const auto clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline(clock);
  const auto node =
      pipeline.add(clocked({.period = Seconds(10)}), pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.add(collect_into<int>(seen), node, {.name = "alarm", .max_age = 1});
  pipeline.start();
  clock->wait_for_sleepers(1);
  clock->advance(Seconds(3600));
  seen.wait_for(1);
  EXPECT_EQ(seen.all().front().stamp.captured, TimePoint(3600s));
  EXPECT_EQ(drops_of(edge_of(pipeline, "clocked", "alarm"), DropCause::Stale), 0U);
  EXPECT_EQ(node_of(pipeline, "clocked").ticks_missed, 359U);
}

TEST(Ticks, BeforeALateNodeWasAddedAreNotMissed) {
  const auto clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline(clock);
  const auto cam = pipeline.add(feed_source(feed, Kind::Live));
  pipeline.start();
  clock->advance(Seconds(3600.5));
  const auto node = pipeline.add(clocked(), cam);
  pipeline.add(collect_into<int>(seen), node);
  feed.push_and_settle(1);
  wait_until([&] { return node_of(pipeline, "clocked").processed == 1; });  // its tick grid has started
  clock->advance(Seconds(0.5));
  seen.wait_for(1);
  EXPECT_EQ(seen.all().front().stamp.captured, TimePoint(3601s));
  EXPECT_EQ(node_of(pipeline, "clocked").ticks_missed, 0U);
}

// Records the values that it receives, and -1 for each source that is gone.
class NotesEnds final : public Node<int, int> {
 public:
  explicit NotesEnds(Seen<int>& seen) : seen_(seen) {}
  std::optional<int> process(const Sample<int>& sample, const Context& /*context*/) override {
    seen_.add(sample.value);
    return std::nullopt;
  }
  void source_gone(int /*source*/) override { seen_.add(-1); }

 private:
  Seen<int>& seen_;
};

// A node with ticks, downstream of a camera that is removed and one that stays, and a consumer of its
// results.
struct RemovedCamera {
  explicit RemovedCamera(bool gives_last) {
    camera = pipeline.add(feed_source(feed, Kind::Live), {.name = "camera"});
    other = pipeline.add(feed_source(stays, Kind::Live), {.name = "other"});
    ClockHooks hooks;
    hooks.process = [this](const Sample<int>& sample, const Context&) {
      latest = sample.stamp;
      return std::optional(sample.value);
    };
    hooks.on_tick = [this](TimePoint, Out<int>& out, const Context&) {
      if (fails) throw Error("no result");
      if (!told.all().empty()) out(8, latest);
    };
    hooks.source_gone = [this](int source) { told.add(source); };
    hooks.gives_last_of_source = gives_last;
    node = pipeline.add(clocked(std::move(hooks)), std::vector{camera, other},
                        {.queue = Queue{8}, .on_error = OnError::Skip});
  }
  void remove_behind_one_sample(bool drains) {
    pipeline.start();
    feed.push_and_settle(7);
    seen.wait_for(1);
    pipeline.remove(camera, {.drain = drains});
    told.wait_for(1);
    EXPECT_EQ(told.all(), std::vector{camera.node});
  }

  std::shared_ptr<SimulatedClock> clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  Feed<int> stays;
  Seen<int> told;
  Seen<int> seen;  // samples that the consumer has seen
  Stamp latest;
  std::atomic<bool> fails{false};
  CheckedPipeline pipeline{clock};
  Port<int> camera;
  Port<int> other;
  Port<int> node;
};

TEST(Ticks, GiveTheLastResultsOfASourceThatWasRemoved) {
  for (const bool drains : {false, true}) {
    RemovedCamera scene(true);
    scene.pipeline.add(std::make_unique<NotesEnds>(scene.seen), scene.node,
                       {.name = "notes", .queue = Queue{8}});
    scene.remove_behind_one_sample(drains);
    scene.seen.wait_for(3);
    EXPECT_EQ(scene.seen.all(), (std::vector{7, 8, -1}));
    EXPECT_EQ(edge_of(scene.pipeline, "clocked", "notes").dropped, 0U);
    // Off the grid, because the clock does not advance.
    EXPECT_EQ(node_of(scene.pipeline, "clocked").ticks, 1U);
    scene.clock->wait_for_sleepers(1);
    scene.clock->advance(Seconds(1));
    wait_until([&] { return node_of(scene.pipeline, "clocked").ticks == 2; });
    EXPECT_EQ(node_of(scene.pipeline, "clocked").ticks_missed, 0U);
    scene.pipeline.stop();
  }
}

TEST(Ticks, OfANodeThatGivesNoLastResultsStayOnTheirGrid) {
  RemovedCamera scene(false);
  scene.pipeline.add(std::make_unique<NotesEnds>(scene.seen), scene.node, {.queue = Queue{8}});
  scene.remove_behind_one_sample(true);
  scene.seen.wait_for(2);
  EXPECT_EQ(scene.seen.all(), (std::vector{7, -1}));
  EXPECT_EQ(node_of(scene.pipeline, "clocked").ticks, 0U);
  scene.pipeline.stop();
}

TEST(Ticks, TheEndOfASourceIsPassedOnBehindATickThatFails) {
  RemovedCamera scene(true);
  scene.fails = true;
  scene.pipeline.add(std::make_unique<NotesEnds>(scene.seen), scene.node, {.queue = Queue{8}});
  scene.remove_behind_one_sample(true);
  scene.seen.wait_for(2);
  EXPECT_EQ(scene.seen.all(), (std::vector{7, -1}));
  scene.pipeline.stop();
}

TEST(Ticks, ADrainWaitsForNoneOfTheGrid) {
  RemovedCamera scene(true);
  const std::vector parts{scene.node.of(scene.camera), scene.node.of(scene.other)};
  scene.pipeline.add(std::make_unique<NotesEnds>(scene.seen), parts, {.queue = Queue{8}});
  scene.pipeline.start();
  scene.pipeline.remove(scene.camera, {.drain = true});  // the clock does not advance
  scene.pipeline.stop();
}

TEST(Ticks, ComeBelowAParentThatNeverPauses) {
  const auto clock = std::make_shared<SimulatedClock>();
  std::atomic<int> ticks{0};
  CheckedPipeline pipeline(clock);
  const auto source = pipeline.add(count_source(1'000'000'000));
  const auto node = pipeline.add(clocked({.process =
                                              [&](const Sample<int>& sample, const Context&) {
                                                if (sample.value % 100 == 0) clock->advance(Seconds(1));
                                                return std::optional<int>();
                                              },
                                          .on_tick = [&](TimePoint, Out<int>&, const Context&) { ++ticks; }}),
                                 source);
  const auto reader = pipeline.reader(node);
  pipeline.start();
  wait_until([&] { return ticks >= 20; });
  pipeline.stop();
  const auto stats = node_of(pipeline, "clocked");
  EXPECT_EQ(stats.ticks_missed, 0U);
  EXPECT_GE(stats.processed / 100 + 2, stats.ticks);
}

TEST(Ticks, ThatComeDueInACallAreLateAndMissedOnesAreCounted) {
  const auto clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  Gate gate;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline(clock);
  const auto node = pipeline.add(clocked({.process =
                                              [&](const Sample<int>&, const Context& context) {
                                                gate.pass(context);
                                                return std::optional<int>();
                                              }}),
                                 pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.add(collect_into<int>(seen), node);
  pipeline.start();
  feed.push(1);
  gate.wait_entered(1);
  clock->advance(Seconds(3.5));
  gate.permit();
  seen.wait_for(1);
  EXPECT_EQ(seen.all().front().stamp.captured, TimePoint(3s));
  const auto stats = node_of(pipeline, "clocked");
  EXPECT_EQ(stats.ticks, 1U);
  EXPECT_EQ(stats.ticks_missed, 2U);
}

TEST(Ticks, AreWorkOfTheirNode) {
  const auto clock = std::make_shared<SimulatedClock>();
  clock->advance(Seconds(100));
  Feed<int> feed;
  Gate gate;
  CheckedPipeline pipeline(clock);
  pipeline.add(
      clocked({.period = Seconds(4),
               .on_tick = [&](TimePoint, Out<int>&, const Context& context) { gate.pass(context); }}),
      pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  clock->wait_for_sleepers(1);
  clock->advance(Seconds(4));
  gate.wait_entered(1);
  EXPECT_EQ(node_of(pipeline, "clocked").state, NodeState::Working);
  clock->advance(Seconds(1));
  gate.open();
  wait_until([&] { return node_of(pipeline, "clocked").state == NodeState::Waiting; });
  EXPECT_NEAR(node_of(pipeline, "clocked").busy, 0.2, 1e-6);  // 1 of 5 s
}

TEST(Ticks, ThatComeDueAtAFullEdgeAreLateAndMissedOnesAreCounted) {
  const auto clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  Gate gate;
  Seen<Sample<int>> seen;
  std::atomic<int> processed = 0;
  CheckedPipeline pipeline(clock);
  const auto node = pipeline.add(clocked({.process =
                                              [&](const Sample<int>& sample, const Context&) {
                                                ++processed;
                                                return std::optional<int>(sample.value);
                                              }}),
                                 pipeline.add(feed_source(feed, Kind::Live)), {.queue = Queue{8}});
  pipeline.add(collect_behind(gate, seen), node, {.queue = Queue{1, WhenFull::Block}});
  pipeline.start();
  for (int i = 0; i < 3; ++i) feed.push_and_settle(-1);  // one is held, one waits, the third has no room
  wait_until([&] { return processed == 3 && node_of(pipeline, "clocked").state == NodeState::Blocked; });
  clock->advance(Seconds(2.5));
  gate.open();
  seen.wait_for(4);
  const auto all = seen.all();
  const auto tick = std::ranges::find_if(all, [](const auto& sample) { return sample.value >= 0; });
  ASSERT_NE(tick, all.end());
  EXPECT_EQ(tick->value, 3);  // counts the samples before it
  EXPECT_EQ(tick->stamp.captured, TimePoint(2s));
  EXPECT_EQ(node_of(pipeline, "clocked").ticks, 1U);
  EXPECT_EQ(node_of(pipeline, "clocked").ticks_missed, 1U);
}

TEST(Ticks, AreAsManyAsTheGridUnderRandomSteps) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const auto clock = std::make_shared<SimulatedClock>();
    Feed<int> feed;
    CheckedPipeline pipeline(clock);
    const auto node = pipeline.add(clocked({.on_tick = [](TimePoint, Out<int>&, const Context&) {}}),
                                   pipeline.add(feed_source(feed, Kind::Live)));
    const auto reader = pipeline.reader(node);
    pipeline.start();
    double passed = 0;
    for (int step = 0; step < 30; ++step) {
      if (random() % 2 == 0) feed.push_and_settle(step);
      const double by = std::uniform_int_distribution<int>(0, 300)(random) / 128.0;
      clock->advance(Seconds(by));
      passed += by;
    }
    wait_until([&] {
      const auto stats = node_of(pipeline, "clocked");
      return stats.ticks + stats.ticks_missed == static_cast<std::uint64_t>(passed);
    });
  }
}

TEST(Ticks, FailInOnTick) {
  const auto clock = std::make_shared<SimulatedClock>();
  for (const auto on_error : {OnError::Stop, OnError::Skip}) {
    Feed<int> feed;
    CheckedPipeline pipeline(clock);
    const auto node = pipeline.add(
        clocked({.on_tick = [](TimePoint, Out<int>&, const Context&) { throw std::runtime_error("late"); }}),
        pipeline.add(feed_source(feed, Kind::Live)), {.on_error = on_error});
    const auto reader = pipeline.reader(node);
    pipeline.start();
    clock->wait_for_sleepers(1);
    clock->advance(Seconds(1));
    if (on_error == OnError::Skip) {
      wait_until([&] { return node_of(pipeline, "clocked").errors == 1; });
      clock->wait_for_sleepers(1);
      clock->advance(Seconds(1));
      wait_until([&] { return node_of(pipeline, "clocked").errors == 2; });
      EXPECT_EQ(node_of(pipeline, "clocked").dropped, 0U);
    } else {
      const auto message = message_of<NodeError>([&] { pipeline.wait(); });
      EXPECT_EQ(message, "node 'clocked' failed in on_tick(): late");
    }
  }
}

TEST(Ticks, OfANodeWithABatchComeWhileItGathers) {
  class Batched final : public Ticking<BatchNode<int, int>> {
   public:
    [[nodiscard]] std::optional<Seconds> tick_every() const override { return Seconds(1); }
    std::vector<std::optional<int>> process_batch(std::span<const Sample<int>> samples,
                                                  const Context& /*context*/) override {
      return std::vector<std::optional<int>>(samples.size(), static_cast<int>(samples.size()));
    }
    void on_tick(TimePoint /*now*/, Out<int>& out, const Context& /*context*/) override { out(-1); }
  };
  const auto clock = std::make_shared<SimulatedClock>();
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline(clock);
  const auto node = pipeline.add(std::make_unique<Batched>(), pipeline.add(feed_source(feed, Kind::Live)),
                                 {.queue = Queue{8}, .batch = Batch{4, 2.5}});
  pipeline.add(collect_into<int>(seen), node, {.queue = Queue{8}});
  pipeline.start();
  feed.push_and_settle(1);
  // It starts to gather now, or after the first tick if its thread has not seen the sample by then. The clock
  // may already be at the second tick, so it ends at 2.5, 3.5 or 4.5.
  for (std::size_t tick = 1; tick <= 2; ++tick) {
    clock->advance(Seconds(1));
    seen.wait_for(tick);
  }
  EXPECT_EQ(values(seen.all()), (std::vector{-1, -1}));
  clock->advance(Seconds(3));
  wait_until([&] { return std::ranges::count(values(seen.all()), 1) == 1; });
}

TEST(Ticks, NeedAPeriodBetweenZeroAndADay) {
  for (const double wrong : {0.0, -1.0, 86'401.0, 1e-12, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()}) {
    CheckedPipeline pipeline;
    const auto source = pipeline.add(count_source(1));
    const auto message =
        message_of<OptionError>([&] { pipeline.add(clocked({.period = Seconds(wrong)}), source); });
    EXPECT_TRUE(contains(message, "tick_every of 'clocked' must be")) << message;
  }
}

TEST(Ticks, LeaveRoomForSamplesIfTheyTakeLongerThanTheirPeriod) {
  const auto clock = std::make_shared<SimulatedClock>();
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline(clock);
  int ticks = 0;
  const auto node = pipeline.add(clocked({.process =
                                              [&](const Sample<int>& sample, const Context&) {
                                                clock->advance(Seconds(2));
                                                return std::optional(sample.value);
                                              },
                                          .on_tick =
                                              [&](TimePoint, Out<int>&, const Context&) {
                                                clock->advance(Seconds(2));
                                                if (++ticks > 1'000'000)
                                                  throw std::runtime_error("no sample");
                                              },
                                          .finish = [](Out<int>&) {}}),
                                 pipeline.add(count_source(3)));
  pipeline.add(collect_into<int>(seen), node);
  EXPECT_TRUE(pipeline.run().complete);
  EXPECT_EQ(values(seen.all()), (std::vector{0, 1, 2}));
}

}  // namespace
}  // namespace freshframe::test
