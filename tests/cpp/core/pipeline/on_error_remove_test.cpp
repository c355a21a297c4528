// A node with OnError::Remove that fails is removed with its branch; the rest runs on.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/pipeline.hpp"

#include <cstddef>
#include <optional>
#include <stdexcept>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(OnErrorRemove, TakesTheBranchOfAFailedNodeOutAndTheRestRunsOn) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.add(collect_into<int>(seen), cam, {.name = "sink"});
  const auto fails =
      pipeline.add(make_node<int, int>([](const Sample<int>&, const Context&) -> std::optional<int> {
                     throw std::runtime_error("broken");
                   }),
                   cam, {.name = "fails", .on_error = OnError::Remove});
  pipeline.add(pass_on<int>(), fails, {.name = "below"});
  Seen<Sample<int>> below;
  pipeline.add(collect_into<int>(below), fails, {.name = "sink below"});
  pipeline.start();
  feed.push(1);
  seen.wait_for(1);
  wait_until([&] { return pipeline.stats().nodes.size() == 2; });
  feed.push(2);
  seen.wait_for(2);
  feed.finish();
  EXPECT_TRUE(pipeline.wait());
  const auto report = pipeline.report();
  EXPECT_FALSE(report.complete);
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_TRUE(contains(report.failures[0], "node 'fails' failed on sample 0 of 'cam': broken"))
      << report.failures[0];
  EXPECT_EQ(below.all().size(), 0U);
}

TEST(OnErrorRemove, WhatTheNodeHasGivenIsProcessed) {
  constexpr int kGood = 20;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(count_source(2 * kGood), {.name = "cam"});
  const auto fails = pipeline.add(make_node<int, int>([](const Sample<int>& sample, const Context&) {
                                    if (sample.value == kGood) throw std::runtime_error("broken");
                                    return std::optional<int>(sample.value);
                                  }),
                                  cam, {.name = "fails", .on_error = OnError::Remove});
  pipeline.add(collect_into<int>(seen), fails, {.name = "sink"});
  pipeline.start();
  EXPECT_TRUE(pipeline.wait());
  EXPECT_EQ(seen.all().size(), static_cast<std::size_t>(kGood));
  EXPECT_FALSE(pipeline.report().complete);
}

TEST(OnErrorRemove, AFailureOfOpenAtTheStartEndsThePipeline) {
  Feed<int> feed;
  Pipeline pipeline;
  const auto cam = pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  pipeline.add(make_node<int, int>(NodeHooks<int, int>{
                   .process = {}, .open = [](const Context&) { throw Error("no such model"); }}),
               cam, {.on_error = OnError::Remove});
  EXPECT_TRUE(contains(message_of<NodeError>([&] { pipeline.start(); }), "no such model"));
}

}  // namespace
}  // namespace freshframe::test
