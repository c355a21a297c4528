// Merges: round-robin among parents with samples, the end when all have ended, live and file mixed.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(Merge, TakesRoundRobinAmongParentsThatHaveSomething) {
  Feed<int> feeds[3];
  Gate gate;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  std::vector<Port<int>> ports;
  for (Feed<int>& feed : feeds) ports.push_back(pipeline.add(feed_source(feed, Kind::File)));
  pipeline.add(collect_behind<int>(gate, seen), ports, {.name = "merge"});
  pipeline.start();
  feeds[0].push_and_settle(0);
  gate.wait_entered(1);
  for (int i = 1; i <= 6; ++i) {
    for (Feed<int>& feed : feeds) feed.push_and_settle(i);
  }
  gate.open();
  seen.wait_for(19);
  const auto all = seen.all();
  for (std::size_t i = 1; i < all.size(); i += 3) {  // each group of three has one sample from each parent
    EXPECT_NE(all[i].stamp.source, all[i + 1].stamp.source);
    EXPECT_NE(all[i + 1].stamp.source, all[i + 2].stamp.source);
    EXPECT_NE(all[i].stamp.source, all[i + 2].stamp.source);
  }
}

TEST(Merge, AParentWithNothingIsPassedOver) {
  Feed<int> silent;
  Feed<int> busy;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto a = pipeline.add(feed_source(silent, Kind::Live));
  const auto b = pipeline.add(feed_source(busy, Kind::Live));
  pipeline.add(collect_into<int>(seen), {a, b});
  pipeline.start();
  for (int i = 0; i < 5; ++i) {
    busy.push_and_settle(i);
    seen.wait_for(static_cast<std::size_t>(i) + 1);
  }
  EXPECT_EQ(seqs(seen.all()), (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
}

TEST(Merge, EndsWhenAllParentsHaveEndedAndKeepsTheOrderOfEach) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto a = pipeline.add(count_source(5), {.name = "short"});
  const auto b = pipeline.add(count_source(300), {.name = "long"});
  pipeline.add(collect_into<int>(seen), {a, b}, {.name = "merge"});
  EXPECT_TRUE(pipeline.run().complete);
  std::int64_t next[2] = {0, 0};
  for (const auto& sample : seen.all())
    EXPECT_EQ(sample.stamp.seq, next[sample.stamp.source == a.node ? 0 : 1]++);
  EXPECT_EQ(next[0], 5);
  EXPECT_EQ(next[1], 300);
  EXPECT_EQ(edge_of(pipeline, "short", "merge").delivered, 5U);
  EXPECT_EQ(edge_of(pipeline, "long", "merge").delivered, 300U);
}

TEST(Merge, EachParentHasAQueueOfItsOwnThatAnotherCannotFill) {
  Feed<int> fast;
  Feed<int> slow;
  Gate gate;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto a = pipeline.add(feed_source(fast, Kind::Live), {.name = "fast"});
  const auto b = pipeline.add(feed_source(slow, Kind::Live), {.name = "slow"});
  pipeline.add(collect_behind<int>(gate, seen), {a, b}, {.name = "merge"});
  pipeline.start();
  fast.push_and_settle(0);
  gate.wait_entered(1);
  slow.push_and_settle(500);
  for (int i = 1; i <= 9; ++i) fast.push_and_settle(i);
  EXPECT_EQ(edge_of(pipeline, "slow", "merge").waiting, 1U);
  EXPECT_EQ(edge_of(pipeline, "slow", "merge").dropped, 0U);
  EXPECT_EQ(edge_of(pipeline, "fast", "merge").dropped, 8U);
  gate.open();
  seen.wait_for(3);
  EXPECT_EQ(seen.all().at(1).value, 500);  // round-robin: the other parent is next
  EXPECT_EQ(seen.all().at(2).value, 9);
  EXPECT_EQ(seen.all().at(1).dropped, 0U);
  EXPECT_EQ(seen.all().at(2).dropped, 8U);
}

TEST(Merge, NextWithSeveralParentsIsAGraphError) {
  Feed<int> one;
  Feed<int> two;
  CheckedPipeline pipeline;
  const auto a = pipeline.add(feed_source(one, Kind::Live));
  const auto b = pipeline.add(feed_source(two, Kind::Live));
  EXPECT_THROW(
      {
        pipeline.add(pass_on<int>(), std::vector{a, b}, {.queue = kNext});
        pipeline.start();
      },
      GraphError);
}

TEST(MixedGraph, AFilesEdgeIntoAMergeStaysLosslessAndWhatFollowsIsLive) {
  Feed<int> camera;
  Feed<int> file;
  Gate gate;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto live = pipeline.add(feed_source(camera, Kind::Live), {.name = "camera"});
  const auto clip = pipeline.add(feed_source(file, Kind::File), {.name = "clip"});
  const auto merge = pipeline.add(pass_on<int>(), {live, clip}, {.name = "merge"});
  pipeline.add(collect_behind<int>(gate, seen), merge, {.name = "sink"});
  auto reader = pipeline.reader(merge);
  pipeline.start();
  EXPECT_EQ(edge_of(pipeline, "camera", "merge").queue, kLatest);
  EXPECT_EQ(edge_of(pipeline, "clip", "merge").queue, kLossless);
  EXPECT_EQ(edge_of(pipeline, "merge", "sink").queue, kLatest);
  EXPECT_EQ(edge_of(pipeline, "merge", "reader").queue, kLatest);
  for (int i = 0; i < 30; ++i) file.push(i);
  for (int i = 0; i < 10; ++i) camera.push_and_settle(1000 + i);
  file.settle();  // the live branch downstream does not slow the file down
  wait_until([&] { return edge_of(pipeline, "clip", "merge").delivered == 30; });
  EXPECT_EQ(edge_of(pipeline, "clip", "merge").dropped, 0U);
  EXPECT_NO_THROW((void)reader.latest());
  file.finish();
  wait_until([&] { return node_of(pipeline, "clip").state == NodeState::Ended; });
  EXPECT_FALSE(pipeline.wait(Seconds{0}));  // only stop() ends such a graph
  camera.push_and_settle(2000);
  pipeline.stop();
  EXPECT_EQ(node_of(pipeline, "merge").state, NodeState::Ended);
}

TEST(MixedGraph, SeparateBranchesKeepTheirOwnPolicies) {
  Feed<int> camera;
  Feed<int> file;
  CheckedPipeline pipeline;
  const auto live = pipeline.add(feed_source(camera, Kind::Live), {.name = "camera"});
  const auto clip = pipeline.add(feed_source(file, Kind::File), {.name = "clip"});
  const auto a = pipeline.add(pass_on<int>(), live, {.name = "a"});
  const auto b = pipeline.add(pass_on<int>(), clip, {.name = "b"});
  pipeline.add(pass_on<int>(), a, {.name = "aa"});
  pipeline.add(pass_on<int>(), b, {.name = "bb"});
  pipeline.start();
  EXPECT_EQ(edge_of(pipeline, "camera", "a").queue, kLatest);
  EXPECT_EQ(edge_of(pipeline, "a", "aa").queue, kLatest);
  EXPECT_EQ(edge_of(pipeline, "clip", "b").queue, kLossless);
  EXPECT_EQ(edge_of(pipeline, "b", "bb").queue, kLossless);
}

}  // namespace
}  // namespace freshframe::test
