// What remains of removed nodes: the report, and the streams of their sources.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/pipeline.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

Pipeline::Options without_end() {
  Pipeline::Options options;
  options.keep_running = true;
  return options;
}

// Returns true if the run is complete after `changes` during a file that ends.
bool completes(const std::function<void(Pipeline&)>& changes) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto file = pipeline.add(feed_source(feed, Kind::File), {.name = "file"});
  pipeline.add(collect_into<int>(seen), file, {.name = "sink"});
  pipeline.start();
  changes(pipeline);
  feed.push(1);
  feed.finish();
  pipeline.wait();
  return pipeline.report().complete;
}

TEST(LiveReport, IsCompleteAlthoughARemovedEdgeHadARate) {
  EXPECT_TRUE(completes([](Pipeline& pipeline) {
    Feed<int> other;
    Seen<Sample<int>> seen;
    const auto late = pipeline.add(feed_source(other, Kind::File), {.name = "late"});
    pipeline.add(collect_into<int>(seen), late, {.name = "slow", .max_rate = 1});
    for (int i = 0; i < 3; ++i) other.push(i);
    other.finish();
    wait_until([&] { return node_of(pipeline, "slow").state == NodeState::Ended; });
    pipeline.remove(late);
    EXPECT_GT(pipeline.stats().removed.drops[DropCause::Rate], 0U);
  }));
}

TEST(LiveReport, IsNotCompleteAfterTheRemovalOfAFileBeforeItsEnd) {
  EXPECT_FALSE(completes([](Pipeline& pipeline) {
    Feed<int> other;
    pipeline.remove(pipeline.add(feed_source(other, Kind::File), {.name = "late"}));
  }));
  EXPECT_TRUE(completes([](Pipeline& pipeline) {
    Feed<int> other;
    pipeline.remove(pipeline.add(feed_source(other, Kind::Live), {.name = "late"}));
  }));
}

TEST(LiveReport, IsNotCompleteAfterAFailureInARemoval) {
  EXPECT_FALSE(completes([](Pipeline& pipeline) {
    Feed<int> other;
    const auto late = pipeline.add(feed_source(other, Kind::Live), {.name = "late"});
    pipeline.add(make_node<int, int>(NodeHooks<int, int>{
                     .process = [](const Sample<int>&, const Context&) { return std::optional<int>(); },
                     .close = [] { throw std::runtime_error("the disk is full"); }}),
                 late, {.name = "fails"});
    EXPECT_THROW(pipeline.remove(late), NodeError);
  }));
}

// Passes its samples on. Its type has final results, but it emits none.
class WithLastResults final : public Finishing<Node<int, int>> {
 public:
  std::optional<int> process(const Sample<int>& sample, const Context& /*context*/) override {
    return sample.value;
  }
  void finish(Out<int>& /*out*/, const Context& /*context*/) override {}
};

TEST(LiveSources, LeaveNoStreamBelowANodeThatFinishes) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline(without_end());
  const auto all =
      pipeline.add(std::make_unique<WithLastResults>(), std::vector<Port<int>>{}, {.name = "all"});
  pipeline.add(collect_into<int>(seen), all, {.name = "sink"});
  pipeline.start();
  const auto before = edge_of(pipeline, "all", "sink").source_count;
  for (std::size_t round = 0; round < 3; ++round) {
    Feed<int> feed;
    const auto camera = pipeline.add(feed_source(feed, Kind::Live), {.name = "camera"});
    pipeline.connect(all, camera);
    feed.push(static_cast<int>(round));
    seen.wait_for(round + 1);
    if (round == 1) pipeline.disconnect(all, camera);  // it usually sees its end before it is removed
    pipeline.remove(camera);
    wait_until([&] { return edge_of(pipeline, "all", "sink").source_count == before; });
  }
}

}  // namespace
}  // namespace freshframe::test
