// The counters of every queue policy: samples offered, taken, waiting and dropped, and the causes.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/queue.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "cpp/core/test_frames.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using Seqs = std::vector<std::int64_t>;
constexpr auto kFrame = std::chrono::milliseconds{100};  // between two frames of a simulated camera

/// A live feed into a single sink that blocks at a gate with each sample.
struct GatedBranch {
  Feed<int> feed;
  Gate gate;
  Seen<Sample<int>> seen;
  std::shared_ptr<SimulatedClock> clock = std::make_shared<SimulatedClock>();
  CheckedPipeline pipeline{clock};

  explicit GatedBranch(AddOptions options, Kind kind = Kind::Live) {
    options.name = "sink";
    const auto source = pipeline.add(feed_source(feed, kind));
    pipeline.add(collect_behind<int>(gate, seen), source, options);
    pipeline.start();
  }
  /// Pushes sample 0 and waits until the sink holds it. From then on the edge fills up.
  void occupy() {
    feed.push_and_settle(0);
    gate.wait_entered(1);
  }
  void push(int first, int last) {
    for (int i = first; i <= last; ++i) feed.push_and_settle(i);
  }
  /// Opens the gate and waits until the edge is empty and the sink is idle.
  void drain() {
    gate.open();
    wait_until(
        [this] { return edge().waiting == 0 && node_of(pipeline, "sink").state == NodeState::Waiting; });
  }
  /// Waits until the source is blocked with its sample number `taken`.
  void wait_blocked_with(std::uint64_t taken) {
    wait_until(
        [&] { return feed.taken() == taken && node_of(pipeline, "source").state == NodeState::Blocked; });
  }
  [[nodiscard]] EdgeStats edge() const { return edge_of(pipeline, "source", "sink"); }
};

TEST(Bytes, BoundTheWaitingPicturesAlsoAfterOthersHaveConvertedSome) {
  static const CountingOps ops;  // outlives the frames
  const auto picture = [] { return frame_with(ops, PixelFormat::I420); };
  const auto size = static_cast<std::int64_t>(picture().size_bytes());
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  const Queue queue{.depth = 8, .when_full = WhenFull::DropNewest, .max_bytes = 3 * size + 64};
  auto reader = pipeline.reader(source, {.name = "reader", .queue = queue});
  pipeline.start();
  for (int i = 0; i < 20; ++i) {
    const Frame frame = picture();
    feed.push_and_settle(frame);
    EXPECT_TRUE(frame.to(PixelFormat::Bgr));  // while it waits
    EXPECT_GT(frame.size_bytes(), static_cast<std::size_t>(2 * size));
    EXPECT_TRUE(reader.get().has_value());
  }
  for (int i = 0; i < 6; ++i) feed.push_and_settle(picture());
  const auto edge = edge_of(pipeline, "source", "reader");
  EXPECT_EQ(edge.waiting, 3U);
  EXPECT_EQ(drops_of(edge, DropCause::QueueFull), 3U);
}

TEST(Latest, KeepsTheNewestAndCountsTheRestAsQueueFull) {
  GatedBranch branch({.queue = kLatest});
  branch.occupy();
  branch.push(1, 5);
  const EdgeStats edge = branch.edge();
  EXPECT_EQ(edge.passed_in, 6U);
  EXPECT_EQ(edge.delivered, 1U);
  EXPECT_EQ(edge.waiting, 1U);
  EXPECT_EQ(edge.dropped, 4U);
  EXPECT_EQ(drops_of(edge, DropCause::QueueFull), 4U);
  EXPECT_EQ(edge.drops.size(), 1U);
  branch.drain();
  const auto seen = branch.seen.all();
  EXPECT_EQ(seqs(seen), (Seqs{0, 5}));
  EXPECT_EQ(seen.at(0).dropped, 0U);
  EXPECT_EQ(seen.at(1).dropped, 4U);
  EXPECT_EQ(branch.edge().delivered, 2U);
}

TEST(Latest, IsWhatAnEdgeBelowALiveSourceGetsWhenNothingIsSaid) {
  const GatedBranch branch({});
  EXPECT_EQ(branch.edge().queue, kLatest);
}

TEST(DropOldest, OfDepthThreeKeepsTheNewestThreeInOrder) {
  GatedBranch branch({.queue = Queue{3, WhenFull::DropOldest}});
  branch.occupy();
  branch.push(1, 8);
  EXPECT_EQ(branch.edge().waiting, 3U);
  EXPECT_EQ(drops_of(branch.edge(), DropCause::QueueFull), 5U);
  branch.drain();
  EXPECT_EQ(seqs(branch.seen.all()), (Seqs{0, 6, 7, 8}));
  EXPECT_EQ(branch.seen.all().at(1).dropped, 5U);
  EXPECT_EQ(branch.seen.all().at(2).dropped, 0U);
}

TEST(DropNewest, KeepsWhatCameFirstAndCountsTheRest) {
  GatedBranch branch({.queue = Queue{2, WhenFull::DropNewest}});
  branch.occupy();
  branch.push(1, 6);
  EXPECT_EQ(branch.edge().waiting, 2U);
  EXPECT_EQ(drops_of(branch.edge(), DropCause::QueueFull), 4U);
  EXPECT_EQ(branch.edge().drops.size(), 1U);
  branch.drain();
  branch.push(7, 7);
  branch.seen.wait_for(4);
  const auto seen = branch.seen.all();
  EXPECT_EQ(seqs(seen), (Seqs{0, 1, 2, 7}));
  std::uint64_t told = 0;
  for (const auto& sample : seen) told += sample.dropped;
  EXPECT_EQ(told, 4U);  // each drop is reported to the consumer exactly once
}

TEST(Depth, IsAHardBoundForEveryPolicyThatDrops) {
  for (const int depth : {1, 2, 7}) {
    for (const WhenFull when_full : {WhenFull::DropOldest, WhenFull::DropNewest}) {
      GatedBranch branch({.queue = Queue{depth, when_full}});
      branch.occupy();
      for (int i = 1; i <= 3 * depth; ++i) {
        branch.feed.push_and_settle(i);
        EXPECT_EQ(branch.edge().waiting, static_cast<std::uint64_t>(std::min(i, depth)));
      }
      expect_books(branch.pipeline);
    }
  }
}

TEST(Next, DeliversToAWaitingConsumerAndDropsWhileItWorks) {
  GatedBranch branch({.queue = kNext});
  // No other thread can tell that the sink is waiting, so the test pushes samples until one finds it waiting.
  int pushed = 0;
  const auto push_until_delivered = [&](std::uint64_t count) {
    while (branch.edge().delivered < count) {
      branch.feed.push_and_settle(pushed++);
      wait_until([&] { return branch.edge().waiting == 0; });  // a delivered sample counts as taken
    }
    branch.seen.wait_for(count);
  };
  push_until_delivered(1);
  const int first = pushed - 1;
  EXPECT_EQ(branch.seen.all().at(0).stamp.seq, first);  // exactly the sample that arrived while it waited
  branch.push(pushed, pushed + 3);                      // the sink is busy, so it is not waiting
  pushed += 4;
  const EdgeStats edge = branch.edge();
  EXPECT_EQ(edge.delivered, 1U);
  EXPECT_EQ(edge.waiting, 0U);
  EXPECT_EQ(drops_of(edge, DropCause::NoWaiter), static_cast<std::uint64_t>(first) + 4U);
  EXPECT_EQ(edge.drops.size(), 1U);
  branch.gate.permit();
  push_until_delivered(2);
  const auto seen = branch.seen.all();
  EXPECT_EQ(seen.at(1).stamp.seq, pushed - 1);
  EXPECT_EQ(seen.at(1).dropped, static_cast<std::uint64_t>(pushed - 1 - first - 1));
}

TEST(Next, SeveralConsumersOfOneParentAreIndependentEdges) {
  Feed<int> feed;
  Seen<Sample<int>> by_a;
  Seen<Sample<int>> by_b;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  pipeline.add(collect_into<int>(by_a), source, {.name = "a", .queue = kNext});
  pipeline.add(collect_into<int>(by_b), source, {.name = "b", .queue = kNext});
  pipeline.start();
  std::uint64_t pushed = 0;
  wait_until([&] {  // until one sample finds both sinks waiting: neither takes it from the other
    feed.push_and_settle(static_cast<int>(pushed++));
    const auto a = seqs(by_a.all());
    const auto b = seqs(by_b.all());
    return !a.empty() && !b.empty() && a.back() == b.back();
  });
  for (const char* name : {"a", "b"}) {
    const EdgeStats edge = edge_of(pipeline, "source", name);
    EXPECT_EQ(edge.passed_in, pushed);
    EXPECT_EQ(edge.delivered + drops_of(edge, DropCause::NoWaiter) + edge.waiting, pushed);
  }
}

TEST(Lossless, MakesTheSourceWaitAndLosesNothing) {
  GatedBranch branch({}, Kind::File);
  EXPECT_EQ(branch.edge().queue, kLossless);
  for (int i = 0; i < 30; ++i) branch.feed.push(i);
  branch.feed.finish();
  branch.gate.wait_entered(1);
  branch.wait_blocked_with(10);  // the sink holds one, eight are queued, and one waits for room
  const EdgeStats edge = branch.edge();
  EXPECT_EQ(edge.delivered, 1U);
  EXPECT_EQ(edge.dropped, 0U);
  expect_books(branch.pipeline);
  branch.gate.open();
  EXPECT_TRUE(branch.pipeline.wait());
  EXPECT_EQ(branch.seen.all().size(), 30U);
  for (std::size_t i = 0; i < 30; ++i) EXPECT_EQ(branch.seen.all().at(i).value, static_cast<int>(i));
  EXPECT_EQ(branch.edge().delivered, 30U);
  EXPECT_TRUE(branch.pipeline.report().complete);
}

TEST(Lossless, APutThatStopInterruptsIsCountedAsStop) {
  GatedBranch branch({.queue = Queue{2, WhenFull::Block}}, Kind::File);
  for (int i = 0; i < 10; ++i) branch.feed.push(i);
  branch.wait_blocked_with(4);
  branch.pipeline.stop();
  const EdgeStats edge = branch.edge();
  EXPECT_EQ(edge.passed_in, 4U);  // one held, two queued, one interrupted
  EXPECT_EQ(edge.delivered, 1U);
  EXPECT_EQ(edge.waiting, 0U);
  EXPECT_EQ(drops_of(edge, DropCause::Stop), 3U);
  EXPECT_EQ(edge.drops.size(), 1U);
  EXPECT_FALSE(branch.pipeline.report().complete);
}

TEST(Stop, DropsWhatWaitsOnALiveEdgeAsStopAndStatsStillWork) {
  GatedBranch branch({.queue = Queue{3, WhenFull::DropOldest}});
  branch.occupy();
  branch.push(1, 5);
  branch.pipeline.stop();
  const EdgeStats edge = branch.edge();
  EXPECT_EQ(edge.passed_in, 6U);
  EXPECT_EQ(edge.delivered, 1U);
  EXPECT_EQ(edge.waiting, 0U);
  EXPECT_EQ(drops_of(edge, DropCause::QueueFull), 2U);
  EXPECT_EQ(drops_of(edge, DropCause::Stop), 3U);
  expect_books(branch.pipeline);
}

TEST(MaxAge, DropsASampleThatIsTooOldWhenItWouldBeTaken) {
  GatedBranch branch({.queue = Queue{4, WhenFull::DropOldest}, .max_age = 0.5});
  branch.occupy();
  branch.push(1, 2);
  branch.clock->advance(Seconds{0.4});
  branch.push(3, 3);
  branch.clock->advance(Seconds{0.2});   // samples 1 and 2 are 0.6 s old, sample 3 is 0.2 s old
  EXPECT_EQ(branch.edge().dropped, 0U);  // age is checked on take, not before
  EXPECT_EQ(branch.edge().waiting, 3U);
  branch.drain();
  EXPECT_EQ(seqs(branch.seen.all()), (Seqs{0, 3}));
  EXPECT_EQ(branch.seen.all().at(1).dropped, 2U);
  const EdgeStats edge = branch.edge();
  EXPECT_EQ(drops_of(edge, DropCause::Stale), 2U);
  EXPECT_EQ(edge.drops.size(), 1U);
}

TEST(MaxAge, AStaleLastSampleLeavesTheConsumerWaitingForTheNext) {
  GatedBranch branch({.max_age = 0.5});
  branch.occupy();
  branch.push(1, 1);
  branch.clock->advance(Seconds{2});
  branch.drain();
  EXPECT_EQ(drops_of(branch.edge(), DropCause::Stale), 1U);
  branch.push(2, 2);
  branch.seen.wait_for(2);
  EXPECT_EQ(seqs(branch.seen.all()), (Seqs{0, 2}));
}

TEST(MaxAge, IsRefusedBelowFilesAndWhenItIsNoTime) {
  const auto build_and_start = [](Kind kind, double max_age) {
    Feed<int> feed;
    CheckedPipeline pipeline;
    const auto source = pipeline.add(feed_source(feed, kind));
    pipeline.add(pass_on<int>(), source, {.max_age = max_age});
    pipeline.start();
  };
  EXPECT_NO_THROW(build_and_start(Kind::Live, 1.0));
  const std::string message = message_of<GraphError>([&] { build_and_start(Kind::File, 1.0); });
  EXPECT_TRUE(contains(message, "max_age")) << message;
  EXPECT_THROW(build_and_start(Kind::Live, -1.0), OptionError);
  EXPECT_THROW(build_and_start(Kind::Live, std::numeric_limits<double>::quiet_NaN()), OptionError);
}

TEST(Block, DirectlyBelowALiveSourceIsAGraphErrorThatSaysSo) {
  const std::string for_node = message_of<GraphError>([] {
    Feed<int> feed;
    CheckedPipeline pipeline;
    const auto camera = pipeline.add(feed_source(feed, Kind::Live), {.name = "camera"});
    pipeline.add(pass_on<int>(), camera, {.queue = Queue{4, WhenFull::Block}});
    pipeline.start();
  });
  EXPECT_TRUE(contains(for_node, "camera")) << for_node;
  EXPECT_TRUE(contains(for_node, "live")) << for_node;
  const std::string for_reader = message_of<GraphError>([] {
    Feed<int> feed;
    CheckedPipeline pipeline;
    const auto camera = pipeline.add(feed_source(feed, Kind::Live), {.name = "camera"});
    (void)pipeline.reader(camera, {.queue = kLossless});
    pipeline.start();
  });
  EXPECT_TRUE(contains(for_reader, "camera")) << for_reader;
}

TEST(Block, BelowALiveNodePacesThatNodeAndItsSiblingsAndTheBranchDropsAtItsEntrance) {
  Feed<int> feed;
  Gate gate;
  Seen<Sample<int>> slow;
  Seen<Sample<int>> sibling;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  const auto step = pipeline.add(pass_on<int>(), source, {.name = "step"});
  pipeline.add(collect_behind<int>(gate, slow), step, {.name = "slow", .queue = Queue{2, WhenFull::Block}});
  pipeline.add(collect_into<int>(sibling), step,
               {.name = "sibling", .queue = Queue{64, WhenFull::DropOldest}});
  pipeline.start();
  // Slow holds one, two are queued for it, and one blocks step. Step takes each sample before the next one
  // arrives.
  for (int i = 0; i < 4; ++i) {
    feed.push_and_settle(i);
    wait_until(
        [&] { return edge_of(pipeline, "source", "step").delivered == static_cast<std::uint64_t>(i) + 1; });
    if (i == 0) gate.wait_entered(1);
  }
  wait_until([&] { return node_of(pipeline, "step").state == NodeState::Blocked; });
  for (int i = 4; i < 9; ++i) feed.push_and_settle(i);
  EXPECT_EQ(edge_of(pipeline, "source", "step").delivered, 4U);
  EXPECT_EQ(drops_of(edge_of(pipeline, "source", "step"), DropCause::QueueFull), 4U);
  EXPECT_LE(edge_of(pipeline, "step", "sibling").passed_in, 4U);  // paced by its sibling
  EXPECT_EQ(edge_of(pipeline, "step", "slow").dropped, 0U);
  gate.open();
  slow.wait_for(5);
  EXPECT_EQ(seqs(slow.all()), (Seqs{0, 1, 2, 3, 8}));
  sibling.wait_for(5);
  EXPECT_EQ(seqs(sibling.all()), (Seqs{0, 1, 2, 3, 8}));
  EXPECT_TRUE(contains(pipeline.to_string(), "pace")) << pipeline.to_string();
}

TEST(SlowConsumer, SeesEveryTenthFrameOfACameraTenTimesItsSpeed) {
  const auto clock = std::make_shared<SimulatedClock>();
  const TimePoint start = clock->now();
  Seen<Sample<int>> slow;
  Seen<Sample<int>> fast;
  CheckedPipeline pipeline(clock);
  const auto camera = pipeline.add(make_source<int>(
      {.live = true,
       .read = [n = 0, start](const Context& context) mutable -> std::optional<SourceItem<int>> {
         if (!context.clock.sleep_until(start + kFrame * n, context.stop)) return std::nullopt;
         return SourceItem<int>{n++, 0, context.clock.now()};
       }}));
  pipeline.add(collect_into<int>(fast), camera, {.name = "fast"});
  pipeline.add(make_node<int, Nothing>([&](const Sample<int>& sample, const Context& context) {
                 slow.add(sample);
                 // Offset by half a frame from the camera, so that the two never race.
                 const auto turns = static_cast<int>(slow.all().size());
                 context.clock.sleep_until(start + kFrame * 10 * turns + kFrame / 2, context.stop);
                 return std::optional<Nothing>();
               }),
               camera, {.name = "slow"});
  pipeline.start();
  slow.wait_for(1);
  for (int half = 1; half <= 2 * 35; ++half) {
    clock->wait_for_sleepers(3);  // camera, slow, and fast (waiting at its queue)
    clock->advance(kFrame / 2);
    const auto frames = static_cast<std::size_t>(half) / 2 + 1;
    fast.wait_for(frames);
    wait_until([&] { return edge_of(pipeline, "source", "slow").passed_in == frames; });
    slow.wait_for(static_cast<std::size_t>(half - 1) / 20 + 1);
  }
  EXPECT_EQ(seqs(slow.all()), (Seqs{0, 10, 20, 30}));
  EXPECT_EQ(slow.all().at(3).dropped, 9U);
  EXPECT_EQ(seqs(fast.all()).size(), 36U);
  EXPECT_EQ(edge_of(pipeline, "source", "fast").dropped, 0U);
}

}  // namespace
}  // namespace freshframe::test
