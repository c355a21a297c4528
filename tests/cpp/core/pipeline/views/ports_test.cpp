// Taps of ports, and the names of views.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/views/ports.hpp"

#include "freshframe/pipeline.hpp"

#include <atomic>
#include <string>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "cpp/core/test_frames.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

TEST(PictureTap, CatchesTheNextPictureAfterItWasAskedAndHoldsNoOther) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  std::atomic<int> caught{0};
  const auto kept = open_tap(*PipelineAccess::core(pipeline), "cam", [&] { ++caught; });
  auto& tap = *kept;
  pipeline.start();
  feed.push_and_settle(gray_frame(1));
  EXPECT_EQ(caught, 0);
  EXPECT_FALSE(tap.take());
  tap.ask();
  feed.push_and_settle(gray_frame(2));
  feed.push_and_settle(gray_frame(3));
  EXPECT_EQ(caught, 1);
  EXPECT_EQ(pipeline.stats().pool.in_use, 1);
  const auto picture = tap.take();
  ASSERT_TRUE(picture);
  EXPECT_EQ(picture->stamp.seq, 1);
  EXPECT_EQ(picture->frame.luma().row(0)[0], 2);
  EXPECT_TRUE(tap.has_newer());
  EXPECT_FALSE(tap.take());
  tap.ask();
  feed.push_and_settle(gray_frame(4));
  EXPECT_EQ(caught, 2);
  EXPECT_FALSE(tap.has_newer());
  tap.cancel();
  EXPECT_TRUE(tap.has_newer());
  EXPECT_FALSE(tap.take());
  close_tap(*PipelineAccess::core(pipeline), kept);
}

TEST(PictureTap, SeesWhatANodeWithoutChildrenSends) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  const auto port = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.add(pass_on<Frame>(), port, {.name = "last"});
  std::atomic<int> caught{0};
  const auto kept = open_tap(*PipelineAccess::core(pipeline), "last", [&] { ++caught; });
  auto& tap = *kept;
  tap.ask();
  pipeline.start();
  feed.push(gray_frame(7));
  wait_until([&] { return caught == 1; });
  EXPECT_EQ(tap.take()->frame.luma().row(0)[0], 7);
  close_tap(*PipelineAccess::core(pipeline), kept);
}

TEST(PictureTap, CallsItsHookWithoutALock) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  std::atomic<int> taken{0};
  std::shared_ptr<PictureTap> tap;
  tap = open_tap(*PipelineAccess::core(pipeline), "cam", [&] { taken = tap->take() ? 1 : -1; });
  tap->ask();
  pipeline.start();
  feed.push(gray_frame(7));
  wait_until([&] { return taken != 0; });
  EXPECT_EQ(taken, 1);
  close_tap(*PipelineAccess::core(pipeline), tap);
}

TEST(PictureTap, RaisesTheBoundByOneFrameWhileItIsOpen) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  auto& core = *PipelineAccess::core(pipeline);
  auto tap = open_tap(core, "cam", [] {});
  EXPECT_TRUE(contains(message_of<StateError>([&] { open_tap(core, "cam", [] {}); }),
                       "another viewer already receives the frames"));
  EXPECT_TRUE(contains(message_of<OptionError>([&] { open_tap(core, "cat", [] {}); }), "no node 'cat'"));
  pipeline.start();
  const int bound = pipeline.stats().pool.bound;
  close_tap(core, tap);
  EXPECT_EQ(pipeline.stats().pool.bound, bound - 1);
  tap = open_tap(core, "cam", [] {});
  EXPECT_EQ(pipeline.stats().pool.bound, bound);
  close_tap(core, tap);
}

TEST(ViewName, NamesTheSourceOfAPortThatHasOne) {
  Feed<Frame> feeds[2];
  CheckedPipeline pipeline;
  const auto a = pipeline.add(feed_source(feeds[0], Kind::Live), {.name = "a"});  // source 0
  const auto b = pipeline.add(feed_source(feeds[1], Kind::Live), {.name = "b"});
  const auto merge = pipeline.add(pass_on<Frame>(), {a, b}, {.name = "merge"});
  const auto& core = *PipelineAccess::core(pipeline);
  EXPECT_EQ(view_name(core, a.any()), "a");
  EXPECT_EQ(view_name(core, merge.any()), "merge");
  EXPECT_EQ(view_name(core, merge.of(a).any()), "merge.of('a')");
  EXPECT_EQ(view_name(core, merge.of(b).any()), "merge.of('b')");
}

}  // namespace
}  // namespace freshframe::test
