// Image memory of a pipeline: the limit for the engine's frames, frames lent to readers, and reaching the
// limit.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/frame/frame_access.hpp"
#include "cpp/core/test_frames.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

std::unique_ptr<FunctionSource<Frame>> frame_source(int count, Kind kind) {
  return make_source<Frame>(
      {.live = kind == Kind::Live,
       .read = [n = 0, count](const Context& context) mutable -> std::optional<SourceItem<Frame>> {
         if (n == count) return std::nullopt;
         return SourceItem<Frame>{gray_frame(n++ % 200), 0, context.clock.now()};
       }});
}

TEST(Bound, IsDepthPlusOneOfEachEdgePlusNodesPlusFour) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  const auto step = pipeline.add(pass_on<Frame>(), source, {.queue = Queue{5}});  // 6
  pipeline.add(pass_on<Frame>(), step);                                           // 2
  pipeline.add(pass_on<Frame>(), step, {.queue = kNext});                         // 1
  const auto reader = pipeline.reader<Frame>({source, step});                     // 2 + 2
  pipeline.start();
  EXPECT_EQ(pipeline.stats().pool.bound, 6 + 2 + 1 + 4 + 4 + 4);
}

TEST(Bound, ALiveSourceDropsAsPoolOnlyBecauseOfFramesThatTheEngineHolds) {
  Feed<Frame> feed;
  Seen<Sample<Frame>> hoard;  // engine handles, held by a node that keeps its samples
  CheckedPipeline pipeline;
  pipeline.add(collect_into<Frame>(hoard), pipeline.add(feed_source(feed, Kind::Live)), {.name = "hoarder"});
  pipeline.start();
  const int bound = pipeline.stats().pool.bound;
  const int pushed = bound + 7;
  for (int i = 0; i < pushed; ++i) {
    feed.push_and_settle(gray_frame(i));
    wait_until([&] { return edge_of(pipeline, "source", "hoarder").waiting == 0; });
    EXPECT_LE(pipeline.stats().pool.in_use, bound);
  }
  EXPECT_EQ(hoard.all().size(), static_cast<std::size_t>(bound));
  const NodeStats source = node_of(pipeline, "source");
  EXPECT_EQ(drops_of(source, NodeDropCause::Pool), 7U);
  EXPECT_EQ(source.dropped, 7U);
  EXPECT_EQ(edge_of(pipeline, "source", "hoarder").passed_in, static_cast<std::uint64_t>(bound));
  EXPECT_FALSE(pipeline.report().complete);
  hoard.clear();
  feed.push_and_settle(gray_frame(1));
  hoard.wait_for(1);
  EXPECT_EQ(hoard.all().at(0).stamp.seq, pushed);  // the drops appear as a gap in the sequence numbers
}

TEST(Bound, AFileWaitsForRoomAndLosesNothing) {
  constexpr int kFrames = 60;
  Seen<Sample<Frame>> hoard;
  std::vector<std::int64_t> order;
  CheckedPipeline pipeline;
  pipeline.add(collect_into<Frame>(hoard), pipeline.add(frame_source(kFrames, Kind::File)),
               {.name = "hoarder"});
  pipeline.start();
  const auto bound = static_cast<std::size_t>(pipeline.stats().pool.bound);
  while (order.size() < kFrames) {
    hoard.wait_for(std::min(bound, kFrames - order.size()));
    EXPECT_LE(pipeline.stats().pool.in_use, static_cast<int>(bound));
    for (const auto seq : seqs(hoard.all())) order.push_back(seq);
    hoard.clear();
  }
  EXPECT_TRUE(pipeline.wait());
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], static_cast<std::int64_t>(i));
  EXPECT_TRUE(pipeline.report().complete);
}

TEST(Bound, StopEndsAFilesWaitForRoom) {
  Seen<Sample<Frame>> hoard;
  CheckedPipeline pipeline;
  pipeline.add(collect_into<Frame>(hoard), pipeline.add(frame_source(1000, Kind::File)));
  pipeline.start();
  hoard.wait_for(static_cast<std::size_t>(pipeline.stats().pool.bound));
  EXPECT_NO_THROW(pipeline.stop());
}

TEST(Bound, CountsAFrameThatASourceOrANodeHandsOverAsALoan) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  const auto lends = pipeline.add(make_node<Frame, Frame>([](const Sample<Frame>& s, const Context&) {
                                    return std::optional(gray_frame(s.value.luma().row(0)[0]).keep());
                                  }),
                                  source);
  const auto from_source = pipeline.reader(source, {.name = "from_source"});
  const auto from_node = pipeline.reader(lends, {.name = "from_node"});
  pipeline.start();
  feed.push_and_settle(gray_frame(1).keep());
  wait_until([&] { return edge_of(pipeline, "node", "from_node").waiting == 1; });
  wait_until([&] { return pipeline.stats().pool.in_use == 2; });  // only the engine holds both
  EXPECT_EQ(pipeline.stats().held_bytes, 0U);
}

TEST(Bound, StaleFramesAreFreedThoughTheirConsumerGoesOnWaiting) {
  constexpr int kFrames = 20;
  Lent lent[kFrames];
  const auto clock = std::make_shared<SimulatedClock>();
  clock->advance(Seconds{100});
  Feed<Frame> feed;
  CheckedPipeline pipeline(clock);
  pipeline.add(pass_on<Frame>(), pipeline.add(feed_source(feed, Kind::Live)), {.max_age = 0.5});
  pipeline.start();
  for (Lent& buffer : lent) {
    feed.push(buffer.wrap(), clock->now() - std::chrono::seconds{2});
    feed.settle();
  }
  wait_until([&] {  // every frame is dropped, as stale or earlier, so the node never receives one
    int releases = 0;
    for (const Lent& buffer : lent) releases += buffer.releases;
    return releases == kFrames;
  });
  EXPECT_EQ(pipeline.stats().pool.in_use, 0);
  EXPECT_EQ(edge_of(pipeline, "source", "node").delivered, 0U);
}

TEST(Loans, ReadEverythingIntoAListNeitherDeadlocksNorGrowsUnseen) {
  constexpr std::size_t kFrames = 200;
  CheckedPipeline pipeline;
  auto reader = pipeline.reader(pipeline.add(frame_source(kFrames, Kind::File)));
  pipeline.start();
  std::vector<Sample<Frame>> results;
  while (auto sample = reader.get()) results.push_back(*std::move(sample));
  ASSERT_EQ(results.size(), kFrames);
  EXPECT_TRUE(core::FrameAccess::is_loan(results[0].frame));
  EXPECT_TRUE(core::FrameAccess::is_loan(results[0].value));
  EXPECT_TRUE(pipeline.wait());
  const Stats stats = pipeline.stats();
  EXPECT_EQ(stats.pool.in_use, 0);
  EXPECT_EQ(stats.held_bytes, kFrames * results[0].frame.size_bytes());
  results.clear();
  // The reader may still hold its last sample.
  EXPECT_LE(pipeline.stats().held_bytes, gray_frame(1).size_bytes());
  EXPECT_TRUE(pipeline.report().complete);
}

TEST(Loans, AboveMaxHeldBytesTheNextHandOverIsFramesHeldAndNamesTheReader) {
  const std::size_t one = gray_frame(1).size_bytes();
  Pipeline::Options options;
  options.max_held_bytes = 4 * one;
  CheckedPipeline pipeline(std::move(options));
  auto reader = pipeline.reader(pipeline.add(frame_source(100, Kind::File)), {.name = "collector"});
  pipeline.start();
  std::vector<Sample<Frame>> results;
  std::string message;
  wait_until([&] {
    try {
      results.push_back(*reader.get());
    } catch (const FramesHeldError& error) {
      message = error.what();
    }
    return !message.empty();
  });
  EXPECT_TRUE(contains(message, "collector")) << message;
  EXPECT_GE(results.size(), 4U);
  EXPECT_LE(results.size(), 6U);
  EXPECT_THROW((void)reader.get(), FramesHeldError);
  expect_books(pipeline);
  const std::size_t before = results.size();
  results.clear();
  // Returning the frames is enough to continue, and nothing was lost in the meantime.
  const auto next = reader.get();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->stamp.seq, static_cast<std::int64_t>(before));
}

TEST(Loans, ValuesWithoutFramesMayPassTheLimit) {
  Pipeline::Options options;
  options.max_held_bytes = 1;
  CheckedPipeline pipeline(std::move(options));
  const auto mean = pipeline.add(make_node<Frame, double>([](const Sample<Frame>& s, const Context&) {
                                   return std::optional<double>(s.value.luma().row(0)[0]);
                                 }),
                                 pipeline.add(frame_source(50, Kind::File)));
  auto reader = pipeline.reader(mean, {.frames = false});
  pipeline.start();
  std::vector<Sample<double>> results;
  while (auto sample = reader.get()) results.push_back(*std::move(sample));
  EXPECT_EQ(results.size(), 50U);
  EXPECT_EQ(pipeline.stats().held_bytes, 0U);
}

TEST(Loans, LatestKeepsOneSampleAliveAndNoMore) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  for (int i = 0; i < 10; ++i) {
    feed.push_and_settle(gray_frame(i));
    EXPECT_EQ(reader.latest()->value.luma().row(0)[0], i);
    EXPECT_LE(pipeline.stats().pool.in_use, 1);
    EXPECT_LE(pipeline.stats().held_bytes, gray_frame(1).size_bytes());
  }
}

TEST(Loans, AFrameMayOutliveItsPipeline) {
  std::optional<Sample<Frame>> sample;
  {
    CheckedPipeline pipeline;
    auto reader = pipeline.reader(pipeline.add(frame_source(3, Kind::File)));
    pipeline.start();
    sample.emplace(*reader.get());
  }
  EXPECT_EQ(sample->value.luma().row(7)[15], 0);
}

TEST(Loans, AfterTheEndNothingIsPublishedAndEveryLentBufferCameBackOnce) {
  Lent lent[30];
  Feed<Frame> feed;
  {
    CheckedPipeline pipeline;
    const auto source = pipeline.add(feed_source(feed, Kind::Live));
    const auto step = pipeline.add(pass_on<Frame>(), source, {.queue = Queue{4}});
    auto reader = pipeline.reader(step, {.queue = Queue{4}});
    pipeline.start();
    for (Lent& buffer : lent) feed.push(buffer.wrap());
    feed.settle();
    (void)reader.latest();
    pipeline.stop();
    EXPECT_EQ(pipeline.stats().pool.in_use, 0);
  }
  for (const Lent& buffer : lent) EXPECT_EQ(buffer.releases, 1);
}

}  // namespace
}  // namespace freshframe::test
