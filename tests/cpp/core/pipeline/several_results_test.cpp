// Nodes that give several results per sample: order, parts, queues, stops.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/run_node.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using Give = std::function<void(const Sample<int>&, Out<int>&, const Context&)>;

class Several final : public OutNode<int, int> {
 public:
  explicit Several(Give give) : give_(std::move(give)) {}
  [[nodiscard]] std::string default_name() const override { return "several"; }
  void process(const Sample<int>& sample, Out<int>& out, const Context& context) override {
    give_(sample, out, context);
  }

 private:
  Give give_;
};

std::unique_ptr<Several> several(Give give) {
  return std::make_unique<Several>(std::move(give));
}
// Emits as many results as the value says.
void as_many(const Sample<int>& sample, Out<int>& out, const Context& /*context*/) {
  for (int i = 0; i < sample.value; ++i) out(10 * sample.value + i);
}

std::vector<std::pair<std::int64_t, int>> places(const std::vector<Sample<int>>& samples) {
  std::vector<std::pair<std::int64_t, int>> result;
  for (const auto& sample : samples) result.emplace_back(sample.stamp.seq, sample.stamp.part);
  return result;
}
using Places = std::vector<std::pair<std::int64_t, int>>;

TEST(SeveralResults, HaveTheSeqOfTheirSampleAndARisingPart) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto node = pipeline.add(several(as_many), pipeline.add(count_source(4)));
  pipeline.add(collect_into<int>(seen), node);
  EXPECT_TRUE(pipeline.run().complete);
  EXPECT_EQ(places(seen.all()), (Places{{1, 0}, {2, 0}, {2, 1}, {3, 0}, {3, 1}, {3, 2}}));
  EXPECT_EQ(node_of(pipeline, "several").processed, 4U);
}

TEST(SeveralResults, PartsGoOnBelowAnotherSuchNodeAndThroughAPlainOne) {
  Seen<Sample<int>> seen;
  Seen<Sample<int>> plain;
  CheckedPipeline pipeline;
  const auto twice = [](const Sample<int>& sample, Out<int>& out, const Context&) {
    out(sample.value);
    out(sample.value);
  };
  const auto first = pipeline.add(several(twice), pipeline.add(count_source(2)));
  pipeline.add(collect_into<int>(seen), pipeline.add(several(twice), first));
  pipeline.add(collect_into<int>(plain), pipeline.add(pass_on<int>(), first));
  EXPECT_TRUE(pipeline.run().complete);
  EXPECT_EQ(places(seen.all()), (Places{{0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 0}, {1, 1}, {1, 2}, {1, 3}}));
  EXPECT_EQ(places(plain.all()), (Places{{0, 0}, {0, 1}, {1, 0}, {1, 1}}));
}

TEST(SeveralResults, BlockTheirChildrenByDefaultAlsoBelowALiveSource) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  const auto node = pipeline.add(several(as_many), source);
  pipeline.add(collect_into<int>(seen), node, {.name = "default"});
  pipeline.add(collect_into<int>(seen), node, {.name = "latest", .queue = kLatest});
  auto reader = pipeline.reader(node);
  pipeline.start();
  EXPECT_EQ(edge_of(pipeline, "source", "several").queue, kLatest);
  EXPECT_EQ(edge_of(pipeline, "several", "default").queue, kLossless);
  EXPECT_EQ(edge_of(pipeline, "several", "latest").queue, kLatest);
  const auto text = pipeline.to_string();
  EXPECT_TRUE(contains(text, "[may drop some of the results that 'several' returns for one sample]")) << text;
  const auto message = message_of<GraphError>([&] { (void)reader.latest(); });
  EXPECT_TRUE(contains(message, "'several' returns several results per sample")) << message;
}

TEST(SeveralResults, AllReachASlowChildOfALiveNodeOrNoneOfTheirSample) {
  Feed<int> feed;
  Gate gate;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto node = pipeline.add(several([](const Sample<int>& sample, Out<int>& out, const Context&) {
                                   for (int tile = 0; tile < 4; ++tile) out(4 * sample.value + tile);
                                 }),
                                 pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.add(collect_behind(gate, seen), node, {.name = "slow"});
  pipeline.start();
  for (int i = 0; i < 50; ++i) feed.push_and_settle(i);
  gate.open();
  feed.finish();
  pipeline.wait();
  const auto all = places(seen.all());
  ASSERT_EQ(all.size() % 4, 0U);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].second, static_cast<int>(i % 4));
  EXPECT_GT(drops_of(edge_of(pipeline, "source", "several"), DropCause::QueueFull), 0U);
  EXPECT_EQ(edge_of(pipeline, "several", "slow").dropped, 0U);
}

TEST(SeveralResults, AStopEndsACallThatAFullEdgeBlocks) {
  Gate gate;
  Seen<Sample<int>> seen;
  std::atomic<int> given{0};
  std::atomic<bool> ended{false};
  CheckedPipeline pipeline;
  const auto node = pipeline.add(several([&](const Sample<int>&, Out<int>& out, const Context&) {
                                   while (out(given++)) {
                                   }
                                   ended = true;
                                 }),
                                 pipeline.add(count_source(1)));
  pipeline.add(collect_behind(gate, seen), node);
  pipeline.start();
  wait_until([&] { return node_of(pipeline, "several").state == NodeState::Blocked; });
  EXPECT_FALSE(ended);
  pipeline.stop();
  EXPECT_TRUE(ended);
}

TEST(SeveralResults, BeforeAnExceptionAreDeliveredAndTheSampleIsAnError) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto node = pipeline.add(several([](const Sample<int>& sample, Out<int>& out, const Context&) {
                                   out(sample.value);
                                   if (sample.value == 1) throw std::runtime_error("odd");
                                   out(sample.value);
                                 }),
                                 pipeline.add(count_source(3)), {.on_error = OnError::Skip});
  pipeline.add(collect_into<int>(seen), node);
  pipeline.run();
  EXPECT_EQ(places(seen.all()), (Places{{0, 0}, {0, 1}, {1, 0}, {2, 0}, {2, 1}}));
  EXPECT_EQ(drops_of(node_of(pipeline, "several"), NodeDropCause::Error), 1U);
}

TEST(DelayedResults, HaveTheStampAndTheFrameOfTheirSample) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  std::vector<Sample<int>> waiting;
  const auto node = pipeline.add(several([&](const Sample<int>& sample, Out<int>& out, const Context&) {
                                   waiting.push_back(sample);
                                   if (waiting.size() < 3) return;
                                   out(10 * waiting.front().value, waiting.front());
                                   waiting.erase(waiting.begin());
                                 }),
                                 pipeline.add(count_source(5)));
  pipeline.add(collect_into<int>(seen), node);
  EXPECT_TRUE(pipeline.run().complete);
  const auto all = seen.all();
  EXPECT_EQ(places(all), (Places{{0, 0}, {1, 0}, {2, 0}}));
  EXPECT_EQ(all.back().value, 20);
  EXPECT_DOUBLE_EQ(all.back().stamp.pts, 2 / 25.0);
}

TEST(DelayedResults, ThatGoBackwardsAreAnErrorThatNamesBoth) {
  CheckedPipeline pipeline;
  std::vector<Stamp> before;
  const auto node = pipeline.add(several([&](const Sample<int>& sample, Out<int>& out, const Context&) {
                                   out(sample.value);
                                   before.push_back(sample.stamp);
                                   if (sample.value == 3) out(0, before[1]);
                                 }),
                                 pipeline.add(count_source(5)));
  const auto reader = pipeline.reader(node);
  pipeline.start();
  const auto message = message_of<NodeError>([&] { pipeline.wait(); });
  EXPECT_TRUE(contains(message, "the stamp of sample 1 after one of sample 3")) << message;
  EXPECT_TRUE(contains(message, "failed on sample 3 of 'source'")) << message;
}

TEST(DelayedResults, OfASourceThatDoesNotComeThereAreAnError) {
  CheckedPipeline pipeline;
  const auto node = pipeline.add(several([&](const Sample<int>& sample, Out<int>& out, const Context&) {
                                   auto stamp = sample.stamp;
                                   stamp.source = 7;
                                   out(0, stamp);
                                 }),
                                 pipeline.add(count_source(5)));
  const auto reader = pipeline.reader(node);
  pipeline.start();
  const auto message = message_of<NodeError>([&] { pipeline.wait(); });
  EXPECT_TRUE(contains(message, "of a source whose samples do not reach this node")) << message;
}

TEST(SeveralResults, BalanceUnderEveryPolicyFromNoneToAThousandPerSample) {
  for (const Queue& queue : {kLatest, kNext, kLossless, Queue{100, WhenFull::DropNewest}}) {
    Seen<Sample<int>> seen;
    CheckedPipeline pipeline;  // checks the counters at its end
    const auto node = pipeline.add(several([](const Sample<int>& sample, Out<int>& out, const Context&) {
                                     const int count[] = {0, 1, 3, 1000, 7};
                                     for (int i = 0; i < count[sample.value % 5]; ++i) out(i);
                                   }),
                                   pipeline.add(count_source(10)));
    pipeline.add(collect_into<int>(seen), node, {.name = "child", .queue = queue});
    pipeline.run();
    const auto edge = edge_of(pipeline, "several", "child");
    EXPECT_EQ(edge.passed_in, 2 * (0U + 1 + 3 + 1000 + 7));
    EXPECT_EQ(edge.delivered, seen.all().size());
  }
}

TEST(SeveralResults, OfANodeAloneHaveTheSeqOfTheirValue) {
  Several node(as_many);
  const auto results = freshframe::run_node(node, std::vector<int>{2, 0, 1});
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[1].seq, 0);
  EXPECT_EQ(results[1].value, 21);
  EXPECT_EQ(results[2].seq, 2);
}

class Sum final : public Finishing<Node<int, int>> {
 public:
  std::optional<int> process(const Sample<int>& sample, const Context& /*context*/) override {
    sum_ += sample.value;
    return std::nullopt;
  }
  void finish(Out<int>& out, const Context& /*context*/) override {
    EXPECT_FALSE(closed);
    out(sum_);
    if (sum_ < 0) throw std::runtime_error("negative");
  }
  void close() override { closed = true; }
  bool closed = false;

 private:
  int sum_ = 0;
};

TEST(SeveralResults, OfANodeAloneIncludeTheLastOnes) {
  Sum node;
  const auto results = freshframe::run_node<int, int>(node, {2, 0, 1});
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].seq, -1);
  EXPECT_EQ(results[0].value, 3);
  EXPECT_TRUE(node.closed);
  Sum bad;
  EXPECT_THROW((freshframe::run_node<int, int>(bad, {-1})), std::runtime_error);
  EXPECT_TRUE(bad.closed);
}

}  // namespace
}  // namespace freshframe::test
