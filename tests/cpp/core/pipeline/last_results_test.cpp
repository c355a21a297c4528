// Final results of a node, and the separate stream to which they and its ticks belong.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cpp/core/pipeline/clocked.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(OwnStream, HasANameThatIsUnique) {
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(1), {.name = "camera"});
  EXPECT_TRUE(
      contains(message_of<GraphError>([&] { pipeline.add(clocked(), source, {.as_source = "camera"}); }),
               "the name 'camera' is taken"));
  EXPECT_TRUE(
      contains(message_of<GraphError>([&] { pipeline.add(pass_on<int>(), source, {.as_source = "other"}); }),
               "it does not start a stream"));
  pipeline.add(clocked(), source, {.as_source = "counts"});
  EXPECT_TRUE(contains(message_of<GraphError>([&] { pipeline.add(clocked(), source, {.name = "counts"}); }),
                       "the name 'counts' is taken"));
  pipeline.run();
}

TEST(OwnStream, WhoseNameIsRefusedLeavesTheNodesNameFree) {
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(1));
  const auto name = clocked()->default_name();
  const auto refused = [&](const AddOptions& options) {
    return message_of<GraphError>([&] { pipeline.add(clocked(), source, options); });
  };
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_TRUE(contains(refused({.as_source = name}), "is the node's own name"));
    EXPECT_TRUE(contains(refused({.name = "a", .as_source = "a"}), "is the node's own name"));
  }
  pipeline.add(clocked(), source);
  pipeline.add(clocked(), source, {.as_source = name + "_2"});
  pipeline.add(clocked(), source, {.name = "a"});
  EXPECT_TRUE(contains(refused({.as_source = name}), "is taken"));
  const auto report = pipeline.run();
  for (const auto& wanted : {name, name + "_3", std::string("a")}) {
    EXPECT_TRUE(std::ranges::any_of(report.stats.nodes, [&](const auto& node) {
      return node.name == wanted;
    })) << wanted;
  }
}

TEST(OwnStream, IsASourceForPortsBelow) {
  Seen<Sample<int>> own;
  Seen<Sample<int>> others;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(3));
  const auto node =
      pipeline.add(clocked({.process = [](const Sample<int>& sample,
                                          const Context&) { return std::optional<int>(sample.value); }}),
                   source);
  const auto below = pipeline.add(pass_on<int>(), node);
  pipeline.add(collect_into<int>(own), below.of(node));
  pipeline.add(collect_into<int>(others), below.of(source));
  EXPECT_TRUE(pipeline.run().complete);
  EXPECT_EQ(values(own.all()), (std::vector{103}));
  EXPECT_EQ(values(others.all()), (std::vector{0, 1, 2}));
}

TEST(Finish, ComesOnceAfterTheLastSampleAndBeforeClose) {
  std::vector<std::string> calls;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto node = pipeline.add(clocked({.process =
                                              [&](const Sample<int>&, const Context&) {
                                                calls.emplace_back("process");
                                                return std::optional<int>();
                                              },
                                          .finish =
                                              [&](Out<int>& out) {
                                                calls.emplace_back("finish");
                                                out(1);
                                                out(2);
                                              },
                                          .close = [&] { calls.emplace_back("close"); }}),
                                 pipeline.add(count_source(2)));
  pipeline.add(collect_into<int>(seen), node);
  EXPECT_TRUE(pipeline.run().complete);
  EXPECT_EQ(calls, (std::vector<std::string>{"process", "process", "finish", "close"}));
  EXPECT_EQ(values(seen.all()), (std::vector{1, 2}));
  EXPECT_EQ(seen.all()[1].stamp.part, 1);
}

/// A recorder that keeps what it would write.
class Recorder final : public Node<int, Nothing> {
 public:
  explicit Recorder(Seen<Sample<int>>& seen) : seen_(seen) {}
  [[nodiscard]] std::string default_name() const override { return "recorder"; }
  [[nodiscard]] NodeContract contract() const override { return {.records = true}; }
  std::optional<Nothing> process(const Sample<int>& sample, const Context& /*context*/) override {
    seen_.add(sample);
    return std::nullopt;
  }

 private:
  Seen<Sample<int>>& seen_;
};

TEST(Finish, ReachesTheRecordersDirectlyBelowAfterAStop) {
  for (const auto& queue :
       std::vector<std::optional<Queue>>{std::nullopt, kLossless, Queue{1, WhenFull::Block}}) {
    Feed<int> feed;
    Seen<Sample<int>> written;
    Seen<Sample<int>> seen;
    CheckedPipeline pipeline;
    const auto node = pipeline.add(clocked({.finish =
                                                [](Out<int>& out) {
                                                  for (int i = 0; i < 20 && out(i); ++i) {
                                                  }
                                                }}),
                                   pipeline.add(feed_source(feed, Kind::Live)));
    pipeline.add(std::make_unique<Recorder>(written), node, {.queue = queue});
    pipeline.add(collect_into<int>(seen), node, {.name = "other"});
    pipeline.start();
    feed.push_and_settle(1);
    pipeline.stop();
    EXPECT_EQ(written.all().size(), 20U);
    EXPECT_EQ(drops_of(edge_of(pipeline, "clocked", "other"), DropCause::Stop), 20U);
  }
}

/// Like Recorder, but its first call blocks until the upstream node waits for room or has emitted everything.
class LateRecorder final : public Node<int, Nothing> {
 public:
  LateRecorder(Seen<Sample<int>>& seen, std::function<bool()> may_go_on)
      : seen_(seen), may_go_on_(std::move(may_go_on)) {}
  [[nodiscard]] std::string default_name() const override { return "recorder"; }
  [[nodiscard]] NodeContract contract() const override { return {.records = true}; }
  std::optional<Nothing> process(const Sample<int>& sample, const Context& /*context*/) override {
    wait_until(may_go_on_);
    seen_.add(sample);
    return std::nullopt;
  }

 private:
  Seen<Sample<int>>& seen_;
  std::function<bool()> may_go_on_;
};

TEST(Finish, WaitsForRoomAtARecorderThatIsSlower) {
  constexpr int kResults = 2000;
  for (const bool stops : {false, true}) {
    Feed<int> feed;
    Seen<Sample<int>> written;
    std::atomic<bool> gave_all{false};
    // The deadline of a stop never passes on this clock.
    CheckedPipeline pipeline(std::make_shared<SimulatedClock>());
    const auto node = pipeline.add(clocked({.finish =
                                                [&](Out<int>& out) {
                                                  for (int i = 0; i < kResults && out(i); ++i) {
                                                  }
                                                  gave_all = true;
                                                }}),
                                   pipeline.add(feed_source(feed, Kind::Live)));
    pipeline.add(
        std::make_unique<LateRecorder>(
            written, [&] { return gave_all || node_of(pipeline, "clocked").state == NodeState::Blocked; }),
        node);
    pipeline.start();
    feed.push_and_settle(1);
    if (stops) {
      pipeline.stop(Seconds{1000});
    } else {
      feed.finish();
      pipeline.wait();
    }
    EXPECT_EQ(written.all().size(), static_cast<std::size_t>(kResults));
    EXPECT_EQ(edge_of(pipeline, "clocked", "recorder").dropped, 0U);
  }
}

TEST(Finish, ThatNeverEndsIsToldSoAfterTheTimeThatAStopLeavesIt) {
  for (const bool stops_before : {false, true}) {
    Feed<int> feed;
    Seen<Sample<int>> written;
    std::atomic<int> calls{0};
    std::atomic<bool> ended{false};
    const auto clock = std::make_shared<SimulatedClock>();
    CheckedPipeline pipeline(clock);
    const auto node = pipeline.add(clocked({.finish =
                                                [&](Out<int>& out) {
                                                  // The source may end before the stop has reached this node.
                                                  if (stops_before) pipeline.stop();
                                                  while (out(++calls)) {
                                                    if (calls > 5000) return;
                                                    if (stops_before) clock->advance(Seconds{0.1});
                                                  }
                                                  ended = true;
                                                }}),
                                   pipeline.add(feed_source(feed, Kind::Live)));
    pipeline.add(collect_into<int>(written), node);
    pipeline.start();
    if (!stops_before) {
      feed.finish();
      pipeline.wait();
      EXPECT_FALSE(ended);  // without a stop there is no deadline
      EXPECT_EQ(calls, 5001);
      continue;
    }
    pipeline.stop();
    EXPECT_TRUE(ended);
    EXPECT_LE(calls, 22);
  }
}

/// Keeps all samples and emits them in finish().
class KeepsAll final : public Finishing<Node<int, int>> {
 public:
  std::optional<int> process(const Sample<int>& sample, const Context& /*context*/) override {
    kept_.push_back(sample);
    return std::nullopt;
  }
  void finish(Out<int>& out, const Context& /*context*/) override {
    for (const auto& sample : kept_) out(sample.value, sample);
  }

 private:
  std::vector<Sample<int>> kept_;
};

TEST(Finish, ADrainKeepsTheResultsOfTheSourceThatGoesAlsoBelowAMergeThatStays) {
  for (const bool merges : {false, true}) {
    Feed<int> feed;
    Feed<int> stays;
    Seen<Sample<int>> seen;
    CheckedPipeline pipeline;
    const auto camera = pipeline.add(feed_source(feed, Kind::Live), {.name = "camera"});
    const auto other = pipeline.add(feed_source(stays, Kind::Live), {.name = "other"});
    const auto keeps =
        pipeline.add(std::make_unique<KeepsAll>(), camera, {.name = "keeps", .queue = Queue{8}});
    const AddOptions options{.name = "below", .queue = Queue{8}};
    const auto below = merges ? pipeline.add(pass_on<int>(), std::vector<Port<int>>{keeps, other}, options)
                              : pipeline.add(pass_on<int>(), keeps, options);
    pipeline.add(collect_into<int>(seen), below, {.name = "sink", .queue = Queue{8}});
    pipeline.start();
    for (int i = 0; i < 3; ++i) feed.push_and_settle(i);
    pipeline.remove(camera, {.drain = true});
    seen.wait_for(3);
    EXPECT_EQ(values(seen.all()), (std::vector{0, 1, 2}));
    EXPECT_FALSE(pipeline.stats().removed.drops.contains(DropCause::Removed));
    pipeline.stop();
  }
}

TEST(Finish, ItsFailureSaysWhereAndEndsTheRunAlsoWithSkip) {
  for (const auto on_error : {OnError::Stop, OnError::Skip}) {
    CheckedPipeline pipeline;
    pipeline.add(clocked({.finish = [](Out<int>& /*out*/) { throw std::runtime_error("broken"); }}),
                 pipeline.add(count_source(3)), {.on_error = on_error});
    EXPECT_EQ(message_of<NodeError>([&] { pipeline.run(); }), "node 'clocked' failed in finish(): broken");
    EXPECT_EQ(node_of(pipeline, "clocked").errors, 1U);
  }
}

TEST(Finish, DoesNotComeAfterAFailure) {
  std::atomic<int> finished{0};
  CheckedPipeline pipeline;
  const auto node =
      pipeline.add(clocked({.process = [](const Sample<int>&, const Context&) -> std::optional<int> {
                              throw std::runtime_error("broken");
                            },
                            .finish = [&](Out<int>& /*out*/) { ++finished; }}),
                   pipeline.add(count_source(3)));
  const auto reader = pipeline.reader(node);
  EXPECT_THROW(pipeline.run(), NodeError);
  pipeline.stop();
  EXPECT_EQ(finished, 0);
}

TEST(Finish, AStopHoldsARecorderNoLongerThanItsParents) {
  Feed<int> feed;
  Seen<Sample<int>> written;
  const auto clock = std::make_shared<SimulatedClock>();  // does not advance, so a drain would never end
  CheckedPipeline pipeline(clock);
  const auto node = pipeline.add(clocked(), pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.add(std::make_unique<Recorder>(written), node);
  pipeline.start();
  pipeline.stop();
  EXPECT_EQ(values(written.all()), (std::vector{100}));
}

}  // namespace
}  // namespace freshframe::test
