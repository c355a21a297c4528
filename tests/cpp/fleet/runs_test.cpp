// The counts of a run's pipeline while nodes are added and removed.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/runs.hpp"

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::fleet {
namespace {

using namespace std::chrono_literals;
using test::CheckedPipeline;
using test::Feed;

TEST(RisingSum, KeepsTheSumIfTheCounterRestarts) {
  RisingSum sum;
  EXPECT_EQ(sum.update(5), 5U);
  EXPECT_EQ(sum.update(8), 8U);
  EXPECT_EQ(sum.update(2), 8U);
  EXPECT_EQ(sum.update(3), 9U);
  EXPECT_EQ(sum.update(0), 9U);
}

TEST(Watched, FramesStayAndTheRateIsNoneWhenANodeOnTheWayIsRemoved) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto camera = pipeline.add(test::feed_source(feed, test::Kind::Live), {.name = "camera"});
  const auto step = pipeline.add(test::pass_on<int>(), camera, {.name = "step"});
  pipeline.add(test::pass_on<int>(), step, {.name = "fleet out"});
  pipeline.start();
  for (int i = 0; i < 5; ++i) feed.push_and_settle(i);
  Watched watched;
  watched.watch_pipeline(core::PipelineAccess::core(pipeline));
  CameraRecord record{};
  watched.read(BootTime(10s));
  watched.write_to(record, BootTime(10s));
  EXPECT_EQ(record.frames, 5U);
  pipeline.remove(step);
  watched.read(BootTime(11s));
  watched.write_to(record, BootTime(11s));
  EXPECT_EQ(record.frames, 5U);
  EXPECT_EQ(record.fps, 0);
}

TEST(Watched, FramesAreThoseOfSourcesThatReachAnOutput) {
  Feed<int> first;
  Feed<int> second;
  CheckedPipeline pipeline;
  const auto camera = pipeline.add(test::feed_source(first, test::Kind::Live), {.name = "camera"});
  const auto beside = pipeline.add(test::feed_source(second, test::Kind::Live), {.name = "beside"});
  const auto both = pipeline.add(test::pass_on<int>(), {camera, beside}, {.name = "both"});
  const auto step = pipeline.add(test::pass_on<int>(), both.of(camera), {.name = "step"});
  pipeline.add(test::pass_on<int>(), step, {.name = "fleet out"});
  pipeline.start();
  for (int i = 0; i < 5; ++i) first.push_and_settle(i);
  for (int i = 0; i < 7; ++i) second.push_and_settle(i);
  EXPECT_EQ(count_pipeline(*core::PipelineAccess::core(pipeline)).frames, 5U);
  pipeline.add(test::pass_on<int>(), both, {.name = "fleet all"});
  EXPECT_EQ(count_pipeline(*core::PipelineAccess::core(pipeline)).frames, 12U);
}

}  // namespace
}  // namespace freshframe::fleet
