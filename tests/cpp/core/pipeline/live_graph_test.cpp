// Nodes, readers and edges that are added and removed while the pipeline runs.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/pipeline.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/statistics.hpp"
#include "cpp/core/test_frames.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

// A node that records which sources are gone.
class TellsGone final : public Node<int, int> {
 public:
  explicit TellsGone(Seen<int>& gone) : gone_(gone) {}
  std::optional<int> process(const Sample<int>& sample, const Context& /*context*/) override {
    return sample.value;
  }
  void source_gone(int source) override { gone_.add(source); }

 private:
  Seen<int>& gone_;
};

std::vector<Port<int>> no_parents() {
  return {};
}

TEST(LiveGraph, CamerasComeToAMergeWithoutParentsAndGo) {
  Feed<int> first;
  Feed<int> second;
  Seen<Sample<int>> seen;
  Seen<int> gone;
  CheckedPipeline pipeline(kept_running());
  const auto people = pipeline.add(std::make_unique<TellsGone>(gone), no_parents(), {.name = "people"});
  pipeline.add(collect_into<int>(seen), people, {.name = "sink"});
  pipeline.start();
  const auto door = pipeline.add(feed_source(first, Kind::Live), {.name = "door"});
  pipeline.connect(people, door);
  first.push(1);
  seen.wait_for(1);
  const auto books = pipeline.remove(door);
  ASSERT_EQ(books.nodes.size(), 1U);
  EXPECT_EQ(books.nodes[0].name, "door");
  EXPECT_EQ(books.nodes[0].processed, 1U);
  ASSERT_EQ(books.edges.size(), 1U);
  EXPECT_EQ(books.edges[0].delivered, 1U);
  gone.wait_for(1);
  EXPECT_EQ(gone.all().at(0), door.node);
  // The name may be reused.
  const auto again = pipeline.add(feed_source(second, Kind::Live), {.name = "door"});
  EXPECT_NE(again.node, door.node);  // the number may not
  pipeline.connect(people, again);
  second.push(2);
  seen.wait_for(2);
  EXPECT_EQ(seen.all()[1].stamp.source, again.node);
  EXPECT_EQ(pipeline.stats().removed.samples, 1U);
  EXPECT_EQ(pipeline.stats().removed.delivered, 1U);
  EXPECT_TRUE(pipeline.remove(door).nodes.empty());  // a second time: nothing is left to remove
}

TEST(LiveGraph, AFailureOfOpenIsTheAddersAndTheRestRunsOn) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.add(collect_into<int>(seen), cam, {.name = "sink"});
  pipeline.start();
  for (int round = 0; round < 3; ++round) {  // the name is still free
    const auto text = message_of<NodeError>([&] {
      pipeline.add(
          make_node<int, int>({.process = [](const auto&, const auto&) { return std::optional<int>(); },
                               .open = [](const Context&) { throw Error("no such model"); }}),
          cam, {.name = "late"});
    });
    EXPECT_TRUE(contains(text, "no such model")) << text;
  }
  feed.push(1);
  seen.wait_for(1);
  EXPECT_EQ(pipeline.stats().nodes.size(), 2U);
}

TEST(LiveGraph, AFailureOfOpenIsNotThrownByARemovalOfTheParent) {
  Feed<int> feed;
  Gate opening(false);
  std::atomic<bool> begun{false};
  CheckedPipeline pipeline(kept_running());
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.start();
  const std::jthread adder([&] {
    const auto text = message_of<NodeError>([&] {
      pipeline.add(
          make_node<int, int>({.process = [](const auto&, const auto&) { return std::optional<int>(); },
                               .open =
                                   [&](const Context& context) {
                                     begun = true;
                                     opening.pass(context);
                                     throw Error("no such model");
                                   }}),
          cam, {.name = "child"});
    });
    EXPECT_TRUE(contains(text, "no such model")) << text;
  });
  wait_until([&] { return begun.load(); });
  const std::jthread remover([&] { EXPECT_EQ(pipeline.remove(cam).nodes.size(), 2U); });
  wait_until([&] { return pipeline.stats().removed.node_count == 1; });
  opening.open();
}

TEST(LiveGraph, AShareOfTheBoundStaysAsLongAsFramesOfTheCameraAreHeld) {
  Feed<Frame> one;
  Feed<Frame> two;
  Seen<Sample<Frame>> hoard;
  CheckedPipeline pipeline(kept_running());
  const auto merge = pipeline.add(collect_into<Frame>(hoard), std::vector<Port<Frame>>{}, {.name = "merge"});
  pipeline.start();
  const auto first = pipeline.add(feed_source(one, Kind::Live), {.name = "first"});
  const auto second = pipeline.add(feed_source(two, Kind::Live), {.name = "second"});
  pipeline.connect(merge, second);
  const int without = pipeline.stats().pool.bound;
  pipeline.connect(merge, first);
  one.push_and_settle(gray_frame(1));
  hoard.wait_for(1);
  const int with = pipeline.stats().pool.bound;
  pipeline.remove(first);
  // Without `first`, plus the frame that it still holds.
  EXPECT_EQ(pipeline.stats().pool.bound, without - 1 + 1);
  EXPECT_GT(with, without);
  hoard.clear();
  wait_until([&] { return pipeline.stats().pool.bound == without - 1; });  // the node releases it soon after
}

TEST(LiveGraph, AViewOfAMergeKeepsItsNameWhenTheSecondCameraComes) {
  Feed<int> one;
  Feed<int> two;
  CheckedPipeline pipeline(kept_running());
  const auto door = pipeline.add(feed_source(one, Kind::Live), {.name = "door"});
  const auto people = pipeline.add(pass_on<int>(), std::vector<Port<int>>{door}, {.name = "people"});
  pipeline.start();
  const auto views = [&] {
    return core::graph_state(*core::PipelineAccess::core(pipeline)).nodes.at(1).views;
  };
  EXPECT_EQ(views(), (std::vector<std::string>{"people.of('door')"}));
  pipeline.connect(people, pipeline.add(feed_source(two, Kind::Live), {.name = "yard"}));
  EXPECT_EQ(views(), (std::vector<std::string>{"people.of('door')", "people.of('yard')"}));
}

TEST(LiveGraph, WhatOneSourceReachesGoesWithItAndAMergeStays) {
  Feed<int> one;
  Feed<int> two;
  Seen<Sample<int>> seen;
  std::atomic<int> closed{0};
  CheckedPipeline pipeline(kept_running());
  const auto people = pipeline.add(pass_on<int>(), no_parents(), {.name = "people"});
  pipeline.add(collect_into<int>(seen), people, {.name = "all"});
  pipeline.start();
  const auto door = pipeline.add(feed_source(one, Kind::Live), {.name = "door"});
  const auto yard = pipeline.add(feed_source(two, Kind::Live), {.name = "yard"});
  pipeline.connect(people, door);
  pipeline.connect(people, yard);
  const auto node = [&] {
    return make_node<int, int>(NodeHooks<int, int>{
        .process = [](const Sample<int>& sample, const Context&) { return std::optional<int>(sample.value); },
        .close = [&] { ++closed; }});
  };
  const auto tracks = pipeline.add(node(), people.of(door), {.name = "tracks"});
  pipeline.add(node(), tracks, {.name = "counter"});
  const auto reader = pipeline.reader(people);
  const auto books = pipeline.remove(door);
  EXPECT_EQ(closed, 2);
  std::set<std::string> names;
  for (const auto& each : books.nodes) names.insert(each.name);
  EXPECT_EQ(names, (std::set<std::string>{"counter", "door", "tracks"}));
  two.push(7);
  seen.wait_for(1);
  EXPECT_FALSE(reader.has_ended());
  EXPECT_TRUE(contains(message_of<StateError>([&] { pipeline.add(node(), tracks); }), "was removed"));
  const auto refused =
      message_of<StateError>([&] { pipeline.add(node(), people.of(door), {.name = "late"}); });
  EXPECT_TRUE(contains(refused, "the parent 'people' of 'late' is restricted to a source that was removed"))
      << refused;
}

TEST(LiveGraph, ARemovalDoesNotWaitForAProducerThatIsBlockedElsewhere) {
  for (int round = 0; round < 50; ++round) {
    CheckedPipeline pipeline;
    const auto cam = pipeline.add(busy_source(), {.name = "cam"});
    const auto step = pipeline.add(pass_on<int>(), cam, {.name = "step"});
    auto unread = pipeline.reader(step, {.name = "unread", .queue = Queue{1, WhenFull::Block}});
    Seen<Sample<int>> seen;
    const auto sink = pipeline.add(collect_into<int>(seen), step, {.name = "sink"});
    pipeline.start();
    wait_until([&] { return node_of(pipeline, "step").state == NodeState::Blocked; });
    EXPECT_EQ(pipeline.remove(sink).nodes.size(), 1U);
    unread.close();
    wait_until([&] { return node_of(pipeline, "step").state != NodeState::Blocked; });
  }
}

TEST(LiveGraph, NodesMayRemoveEachOtherAndThemselves) {
  for (int round = 0; round < 100; ++round) {
    Pipeline pipeline(kept_running());
    Port<int> ports[2];
    std::atomic<bool> ready{false};
    const auto remover = [&](int other) {
      return make_node<int, int>([&, other](const Sample<int>& sample, const Context&) {
        if (ready) pipeline.remove(ports[other]);
        return std::optional<int>(sample.value);
      });
    };
    const auto cam = pipeline.add(busy_source(), {.name = "cam"});
    ports[0] = pipeline.add(remover(1), cam, {.name = "one"});
    ports[1] = pipeline.add(remover(round % 2), cam, {.name = "two"});
    pipeline.start();
    ready = true;
    wait_until([&] { return pipeline.stats().removed.node_count >= 1; });
    pipeline.stop();
  }
}

TEST(LiveGraph, WithoutANodeItRunsUntilTheStop) {
  CheckedPipeline pipeline(kept_running());
  pipeline.start();
  EXPECT_FALSE(pipeline.wait(Seconds{0.05}));
  const std::jthread stopper([&] { pipeline.stop(); });
  EXPECT_TRUE(pipeline.wait());
  EXPECT_TRUE(contains(message_of<StateError>([&] { pipeline.add(busy_source()); }), "after the end"));
}

TEST(LiveGraph, EdgesThatComeBelowAnEndedNodeEndAtOnce) {
  CheckedPipeline pipeline(kept_running());
  Feed<int> feed;
  const auto file = pipeline.add(count_source(3), {.name = "file"});
  const auto cam = pipeline.add(feed_source(feed, Kind::File), {.name = "other"});
  const auto both = pipeline.add(pass_on<int>(), std::vector<Port<int>>{file, cam}, {.name = "both"});
  pipeline.start();
  wait_until([&] { return node_of(pipeline, "file").state == NodeState::Ended; });
  EXPECT_FALSE(pipeline.reader(file).get(Seconds{20}));
  pipeline.add(pass_on<int>(), file, {.name = "late"});
  wait_until([&] { return node_of(pipeline, "late").state == NodeState::Ended; });
  auto of_file = pipeline.reader(both.of(file));  // the file has ended, upstream of a merge that continues
  while (of_file.get(Seconds{20})) {
  }  // the merge may still have samples to pass on when the reader is added
  EXPECT_TRUE(of_file.has_ended());
  feed.finish();
}

TEST(LiveGraph, ASourceThatIsBlockedAtAnUnreadReaderIsRemoved) {
  CheckedPipeline pipeline(kept_running());
  const auto cam = pipeline.add(count_source(1'000'000), {.name = "cam"});
  const auto step = pipeline.add(pass_on<int>(), cam, {.name = "step"});
  auto first = pipeline.reader(cam, {.queue = Queue{1, WhenFull::Block}});
  const auto second = pipeline.reader(step, {.queue = Queue{1, WhenFull::Block}});
  pipeline.start();
  wait_until([&] { return node_of(pipeline, "cam").state == NodeState::Blocked; });
  EXPECT_EQ(pipeline.remove(cam).nodes.size(), 2U);
  EXPECT_TRUE(first.get(Seconds{20}));  // a waiting sample can still be read
  EXPECT_FALSE(first.get(Seconds{20}));
}

TEST(LiveGraph, AMergeOfOneCameraGoesOnWithoutItAndGetsAnother) {
  for (const bool drain : {false, true}) {
    Feed<int> one;
    Feed<int> two;
    Seen<Sample<int>> seen;
    CheckedPipeline pipeline(kept_running());
    const auto first = pipeline.add(feed_source(one, Kind::Live), {.name = "first"});
    const auto merge =
        pipeline.add(collect_into<int>(seen), std::vector<Port<int>>{first}, {.name = "merge"});
    pipeline.start();
    one.push(1);
    seen.wait_for(1);
    pipeline.remove(first, {.drain = drain});
    const auto second = pipeline.add(feed_source(two, Kind::Live), {.name = "second"});
    pipeline.connect(merge, second);
    two.push(2);
    seen.wait_for(2);
  }
}

TEST(LiveGraph, AMergeWhoseParentsHaveLeftEndsWithTheLastSource) {
  for (const bool alone : {false, true}) {
    Feed<int> one;
    Feed<int> two;
    Seen<Sample<int>> seen;
    CheckedPipeline pipeline;
    const auto cam = pipeline.add(feed_source(one, Kind::File), {.name = "cam"});
    if (!alone) pipeline.add(feed_source(two, Kind::Live), {.name = "other"});
    const auto bad = pipeline.add(make_node<int, int>([](const auto& sample, const auto&) {
                                    if (sample.value == 2) throw Error("enough");
                                    return std::optional<int>(sample.value);
                                  }),
                                  cam, {.name = "bad", .on_error = OnError::Remove});
    const auto merge = pipeline.add(pass_on<int>(), std::vector<Port<int>>{bad}, {.name = "merge"});
    pipeline.add(collect_into<int>(seen), merge, {.name = "sink"});
    pipeline.start();
    one.push(1);
    one.push(2);
    one.finish();
    wait_until([&] { return pipeline.stats().removed.node_count == 1; });
    if (!alone) {
      EXPECT_FALSE(pipeline.wait(Seconds{0.05}));
    }
    two.finish();
    EXPECT_TRUE(pipeline.wait(Seconds{60}));
    EXPECT_EQ(seqs(seen.all()), (std::vector<std::int64_t>{0}));
    EXPECT_EQ(node_of(pipeline, "merge").state, NodeState::Ended);
  }
}

TEST(LiveGraph, AMergeThatHasEndedTakesNoOtherParent) {
  Feed<int> one;
  Feed<int> two;
  CheckedPipeline pipeline;
  const auto first = pipeline.add(feed_source(one, Kind::File), {.name = "first"});
  const auto second = pipeline.add(feed_source(two, Kind::File), {.name = "second"});
  const auto merge = pipeline.add(pass_on<int>(), std::vector<Port<int>>{first}, {.name = "merge"});
  pipeline.start();
  one.push(1);
  one.finish();
  wait_until([&] { return node_of(pipeline, "merge").state == NodeState::Ended; });
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_EQ(message_of<StateError>([&] { pipeline.connect(merge, second); }),
              "cannot connect another parent to 'merge': it has ended with its other parents");
  }
  two.push(2);
  two.finish();
  EXPECT_TRUE(pipeline.wait(Seconds{60}));
  const auto stats = pipeline.stats();
  EXPECT_EQ(stats.edges.size(), 1U);
  EXPECT_EQ(node_of(pipeline, "merge").processed, 1U);
}

TEST(LiveGraph, PortsOfARemovedSourceAreRefused) {
  for (const bool drain : {false, true}) {
    Feed<int> one;
    Feed<int> two;
    CheckedPipeline pipeline(kept_running());
    const auto door = pipeline.add(feed_source(one, Kind::Live), {.name = "door"});
    const auto yard = pipeline.add(feed_source(two, Kind::Live), {.name = "yard"});
    const auto people = pipeline.add(pass_on<int>(), std::vector<Port<int>>{door, yard}, {.name = "people"});
    const auto wall = pipeline.add(pass_on<int>(), std::vector<Port<int>>{people.of(door)}, {.name = "wall"});
    auto reader = pipeline.reader(std::vector<Port<int>>{people.of(door), people.of(yard)});
    pipeline.start();
    pipeline.remove(door, {.drain = drain});
    EXPECT_THROW(pipeline.disconnect(wall, people.of(door)), StateError);
    EXPECT_THROW((void)reader.get(Seconds{0.01}), ReadTimeoutError);
    pipeline.connect(wall, people.of(yard));
    two.push(1);
    EXPECT_EQ(reader.get(Seconds{20})->value, 1);
  }
}

TEST(LiveGraph, RefusesWiringThatCannotBe) {
  Feed<int> feed;
  Feed<int> file;
  CheckedPipeline pipeline(kept_running());
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  const auto step = pipeline.add(pass_on<int>(), cam, {.name = "step"});
  const auto open = pipeline.add(pass_on<int>(), no_parents(), {.name = "open"});
  const auto below = pipeline.add(pass_on<int>(), std::vector<Port<int>>{open}, {.name = "below"});
  const auto of_files = pipeline.add(
      pass_on<int>(), std::vector<Port<int>>{pipeline.add(feed_source(file, Kind::File), {.name = "file"})},
      {.name = "of_files"});
  pipeline.start();
  const auto refused = [&](Port<int> parent, Port<int> child) {
    return message_of<GraphError>([&] { pipeline.connect(child, parent); });
  };
  EXPECT_TRUE(contains(refused(cam, step), "add it with a list"));
  EXPECT_TRUE(contains(refused(below, open), "cycle"));
  EXPECT_TRUE(contains(refused(cam, of_files), "downstream of files"));
  pipeline.connect(open, cam);
  EXPECT_TRUE(contains(refused(cam, open), "already"));
  pipeline.disconnect(open, cam);
  EXPECT_TRUE(contains(message_of<GraphError>([&] { pipeline.disconnect(open, cam); }), "not connected"));
  file.finish();
}

}  // namespace
}  // namespace freshframe::test
