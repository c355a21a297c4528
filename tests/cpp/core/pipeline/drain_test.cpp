// remove(drain=True): samples that wait downstream of a camera are processed first, and nodes that take too
// long are named.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/pipeline.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

// A merge that is held in process() with its first sample until the gate opens, while another one waits.
class HeldMerge {
 public:
  explicit HeldMerge(CheckedPipeline& pipeline)
      : camera(pipeline.add(feed_source(feed_, Kind::Live), {.name = "camera"})) {
    const auto pass = [this](const auto& sample, const Context& context) {
      gate.pass(context);
      return std::optional<int>(sample.value);
    };
    pipeline.add(make_node<int, int>(pass), std::vector<Port<int>>{camera},
                 {.name = "merge", .queue = Queue{8}});
  }
  void fill(const CheckedPipeline& pipeline) {
    feed_.push(1);
    feed_.push(2);
    wait_until([&] {
      const auto edge = pipeline.stats().edges.at(0);
      return edge.delivered == 1 && edge.waiting == 1;
    });
  }

  Gate gate{false};

 private:
  Feed<int> feed_;

 public:
  Port<int> camera;
};

TEST(Drain, DrainedSamplesAreProcessed) {
  Feed<int> feed;
  Gate gate(false);
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline(kept_running());
  const auto merge =
      pipeline.add(collect_behind<int>(gate, seen), std::vector<Port<int>>{}, {.name = "merge"});
  pipeline.start();
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.connect(merge, cam, {.queue = Queue{4}});
  for (int i = 0; i < 3; ++i) feed.push_and_settle(i);
  std::jthread remover([&] { pipeline.remove(cam, {.drain = true, .timeout = Seconds{60}}); });
  wait_until([&] { return pipeline.stats().removed.node_count == 1; });
  gate.open();
  remover.join();
  seen.wait_for(3);
  EXPECT_EQ(seqs(seen.all()), (std::vector<std::int64_t>{0, 1, 2}));
}

TEST(Drain, ADrainEndsWhenAMergeHasGotWhatWaited) {
  CheckedPipeline pipeline(kept_running());
  HeldMerge held(pipeline);
  pipeline.start();
  held.fill(pipeline);
  std::atomic<bool> over{false};
  Stats books;
  std::jthread remover([&] {
    books = pipeline.remove(held.camera, {.drain = true, .timeout = Seconds{60}});
    over = true;
  });
  wait_until([&] { return pipeline.stats().removed.node_count == 1; });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_FALSE(over);
  held.gate.open();
  remover.join();
  ASSERT_EQ(books.edges.size(), 1U);
  EXPECT_EQ(books.edges[0].child, "merge");
  EXPECT_EQ(books.edges[0].delivered, 2U);
  EXPECT_TRUE(pipeline.stats().edges.empty());
  EXPECT_EQ(pipeline.stats().removed.delivered, 2U);
}

TEST(Drain, AFailureOfADrainedNodeIsThrownAlsoIfAMergeIsLate) {
  Feed<int> feed;
  Gate gate(false);
  CheckedPipeline pipeline(kept_running());
  const auto camera = pipeline.add(feed_source(feed, Kind::Live), {.name = "camera"});
  const auto closes = pipeline.add(
      make_node<int, int>(
          {.process = [](const auto& sample, const auto&) { return std::optional<int>(sample.value); },
           .close = [] { throw Error("it cannot close"); }}),
      camera, {.name = "closes"});
  pipeline.add(make_node<int, int>([&](const auto& sample, const Context& context) {
                 gate.pass(context);
                 return std::optional<int>(sample.value);
               }),
               std::vector<Port<int>>{closes}, {.name = "merge", .queue = Queue{8}});
  pipeline.start();
  for (int i = 0; i < 3; ++i) feed.push_and_settle(i);
  EXPECT_TRUE(contains(
      message_of<NodeError>([&] { pipeline.remove(camera, {.drain = true, .timeout = Seconds{60}}); }),
      "it cannot close"));
  gate.open();
}

TEST(Drain, TwoDrainsOfOneCameraBothWaitForTheMerge) {
  CheckedPipeline pipeline(kept_running());
  HeldMerge held(pipeline);
  pipeline.start();
  held.fill(pipeline);
  std::atomic<int> over{0};
  std::vector<Stats> books(2);
  std::vector<std::jthread> removers;
  for (auto& mine : books) {
    removers.emplace_back([&] {
      mine = pipeline.remove(held.camera, {.drain = true, .timeout = Seconds{60}});
      if (!mine.nodes.empty()) ++over;
    });
  }
  wait_until([&] { return pipeline.stats().removed.node_count == 1; });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(over, 0);
  held.gate.open();
  removers.clear();
  for (const auto& mine : books) {  // a consumer that was added after the end of the camera received nothing
    EXPECT_EQ(mine.edges.size(), mine.nodes.size());
  }
}

TEST(Drain, ADrainThatTakesTooLongNamesTheMergeAndItsEdgeIsCountedLater) {
  CheckedPipeline pipeline(kept_running());
  HeldMerge held(pipeline);
  pipeline.start();
  held.fill(pipeline);
  EXPECT_EQ(message_of<StopTimeoutError>(
                [&] { pipeline.remove(held.camera, {.drain = true, .timeout = Seconds{0.05}}); }),
            "these nodes are still busy 0.05 s after remove(): 'merge'");
  held.gate.open();
  wait_until([&] { return pipeline.stats().edges.at(0).delivered == 2; });
  Feed<int> feed;
  const auto next = pipeline.add(feed_source(feed, Kind::Live), {.name = "next"});
  EXPECT_TRUE(pipeline.stats().edges.empty());
  EXPECT_EQ(pipeline.stats().removed.delivered, 2U);
  EXPECT_TRUE(pipeline.remove(next).edges.empty());
}

TEST(Drain, ADrainDoesNotWaitForAChildThatIsBeingAdded) {
  Feed<int> feed;
  Gate opening(false);
  std::atomic<bool> begun{false};
  CheckedPipeline pipeline(kept_running());
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.start();
  std::jthread adder([&] {
    const auto text = message_of<StateError>([&] {
      pipeline.add(
          make_node<int, int>({.process = [](const auto&, const auto&) { return std::optional<int>(); },
                               .open =
                                   [&](const Context& context) {
                                     begun = true;
                                     opening.pass(context);
                                   }}),
          cam, {.name = "child"});
    });
    EXPECT_TRUE(contains(text, "removed")) << text;
  });
  wait_until([&] { return begun.load(); });
  std::jthread remover([&] { pipeline.remove(cam, {.drain = true, .timeout = Seconds{60}}); });
  wait_until([&] { return pipeline.stats().removed.node_count == 1; });
  opening.open();
  remover.join();
  adder.join();
  EXPECT_EQ(pipeline.stats().nodes.size(), 0U);
}

TEST(Drain, ASecondRemovalWithoutADrainEndsADrainThatLasts) {
  CheckedPipeline pipeline(kept_running());
  const auto cam = pipeline.add(busy_source(), {.name = "cam"});
  const auto step = pipeline.add(pass_on<int>(), cam, {.name = "step"});
  const auto unread = pipeline.reader(step, {.name = "unread", .queue = Queue{1, WhenFull::Block}});
  pipeline.start();
  wait_until([&] { return node_of(pipeline, "step").state == NodeState::Blocked; });
  EXPECT_THROW(pipeline.remove(step, {.drain = true, .timeout = Seconds{0.01}}), StopTimeoutError);
  EXPECT_EQ(pipeline.remove(step).nodes.size(), 1U);
  EXPECT_EQ(pipeline.stats().nodes.size(), 1U);
}

}  // namespace
}  // namespace freshframe::test
