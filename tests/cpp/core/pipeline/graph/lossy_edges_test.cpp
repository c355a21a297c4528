// Edges that may drop events on the way to a recorder: which queues may, and for which nodes it matters.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/graph/lossy_edges.hpp"

#include "freshframe/mutex.hpp"
#include "freshframe/pipeline.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

/// Its results count as events, because it may give several per sample.
class EventMaker final : public OutNode<int, int> {
 public:
  [[nodiscard]] std::string default_name() const override { return "events"; }
  void process(const Sample<int>& sample, Out<int>& out, const Context& /*context*/) override {
    out(sample.value);
  }
};

class EventRecorder final : public Node<int, Nothing> {
 public:
  [[nodiscard]] std::string default_name() const override { return "recorder"; }
  [[nodiscard]] NodeContract contract() const override { return {.records = true}; }
  std::optional<Nothing> process(const Sample<int>& /*sample*/, const Context& /*context*/) override {
    return std::nullopt;
  }
};

/// A live source with a node downstream of it that emits events.
class LossyEdges : public testing::Test {
 protected:
  void TearDown() override { feed_.finish(); }

  /// Starts the pipeline, and lists its lossy edges as "child <- recorder".
  std::vector<std::string> list() {
    pipeline_.start();
    const auto& guarded = core::PipelineAccess::core(pipeline_)->guard_graph();
    const Lock building(guarded.building);
    std::vector<std::string> found;
    for (const auto& edge : core::lossy_edges(guarded.graph)) {
      EXPECT_EQ(edge.index, 0U);
      found.push_back(guarded.graph.runner(edge.child).name() + " <- " + edge.recorder);
    }
    return found;
  }

  Feed<int> feed_;
  CheckedPipeline pipeline_;
  const Port<int> source_ = pipeline_.add(feed_source(feed_, Kind::Live), {.name = "source"});
  const Port<int> events_ = pipeline_.add(std::make_unique<EventMaker>(), source_);
};

using Found = std::vector<std::string>;

TEST_F(LossyEdges, AreThoseThatDropEventsAboveARecorder) {
  const auto step = pipeline_.add(pass_on<int>(), events_, {.name = "step", .queue = kLatest});
  pipeline_.add(std::make_unique<EventRecorder>(), step);
  EXPECT_EQ(list(), (Found{"step <- recorder"}));
}

TEST_F(LossyEdges, IncludeThoseThatARateOrAnAgeLimits) {
  const auto slow = pipeline_.add(pass_on<int>(), events_, {.name = "slow", .max_rate = 5});
  const auto fresh = pipeline_.add(pass_on<int>(), events_, {.name = "fresh", .max_age = 1});
  const auto third = pipeline_.add(pass_on<int>(), events_, {.name = "third", .every = 3});
  for (const auto& port : {slow, fresh, third}) pipeline_.add(std::make_unique<EventRecorder>(), port);
  EXPECT_EQ(list(), (Found{"slow <- recorder", "fresh <- recorder_2", "third <- recorder_3"}));
}

TEST_F(LossyEdges, AreNoneWhereTheQueueBlocksOrNothingIsRecorded) {
  const auto step = pipeline_.add(pass_on<int>(), events_, {.name = "step"});
  pipeline_.add(std::make_unique<EventRecorder>(), step);
  pipeline_.add(pass_on<int>(), events_, {.name = "shown", .queue = kLatest});
  EXPECT_EQ(list(), Found());
}

TEST_F(LossyEdges, AreNoneAboveTheNodeWithEvents) {
  const auto step = pipeline_.add(pass_on<int>(), source_, {.name = "step", .queue = kLatest});
  pipeline_.add(std::make_unique<EventRecorder>(), step);
  EXPECT_EQ(list(), Found());
}

TEST_F(LossyEdges, IntoARecorderAreThoseOfOneSample) {
  pipeline_.add(std::make_unique<EventRecorder>(), events_, {.name = "latest", .queue = kLatest});
  pipeline_.add(std::make_unique<EventRecorder>(), events_, {.name = "four", .queue = Queue{4}});
  EXPECT_EQ(list(), (Found{"latest <- latest"}));
}

}  // namespace
}  // namespace freshframe::test
