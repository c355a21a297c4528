// Building a graph: add() checks names, types and parents, and the graph can be printed.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/pipeline.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

/// An untyped node, as embedders write them. It passes its input on and declares the types that a test sets.
class AnyNode final : public NodeBase {
 public:
  AnyNode(const TypeInfo* in, const TypeInfo* out) : in_(in), out_(out) {}
  [[nodiscard]] const TypeInfo* input_type() const noexcept override { return in_; }
  [[nodiscard]] const TypeInfo* output_type() const noexcept override { return out_; }
  std::optional<Emitted> process_any(const AnySample& sample, const Context& /*context*/) override {
    return Emitted{sample.value, sample.value ? Frame() : sample.frame};
  }

 private:
  const TypeInfo* in_;
  const TypeInfo* out_;
};

std::vector<std::string> node_names(const Pipeline& pipeline) {
  std::vector<std::string> names;
  for (const NodeStats& node : pipeline.stats().nodes) names.push_back(node.name);
  return names;
}

TEST(Names, DefaultToTheNodesOwnAndAreNumberedWhenTaken) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  for (int i = 0; i < 3; ++i) pipeline.add(make_node<int, int>({.process = {}, .name = "Tracker"}), source);
  EXPECT_EQ(node_names(pipeline), (std::vector<std::string>{"source", "Tracker", "Tracker_2", "Tracker_3"}));
  EXPECT_EQ(pipeline.node_name(0), "source");
  EXPECT_EQ(pipeline.node_name(2), "Tracker_2");
}

TEST(Names, NodesAndReadersShareOneNameSpace) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  (void)pipeline.reader(source);
  (void)pipeline.reader(source);
  pipeline.add(make_node<int, int>({.process = {}, .name = "reader"}), source);
  pipeline.start();
  std::vector<std::string> children;
  for (const EdgeStats& edge : pipeline.stats().edges) children.push_back(edge.child);
  std::sort(children.begin(), children.end());
  EXPECT_EQ(children, (std::vector<std::string>{"reader", "reader_2", "reader_3"}));
}

TEST(Names, AGivenNameIsUsed) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live), {.name = "front door"});
  (void)pipeline.reader(source, {.name = "game"});
  pipeline.start();
  EXPECT_EQ(pipeline.node_name(source.node), "front door");
  (void)edge_of(pipeline, "front door", "game");
}

TEST(Names, AGivenNameThatIsTakenIsAGraphErrorThatNamesIt) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live), {.name = "eye"});
  EXPECT_TRUE(contains(message_of<GraphError>([&] { pipeline.add(pass_on<int>(), source, {.name = "eye"}); }),
                       "eye"));
  EXPECT_TRUE(
      contains(message_of<GraphError>([&] { (void)pipeline.reader(source, {.name = "eye"}); }), "eye"));
  EXPECT_EQ(pipeline.stats().nodes.size(), 1U);
}

TEST(Types, NothingFollowsASink) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto sink = pipeline.add(collect_into<int>(seen), pipeline.add(feed_source(feed, Kind::Live)));
  const AnyPort parents[] = {sink.node};
  EXPECT_THROW(pipeline.add_any(std::make_unique<AnyNode>(nullptr, nullptr), parents, {}), GraphError);
  EXPECT_THROW((void)pipeline.reader_any(parents, {}), GraphError);
}

TEST(Types, ThatDoNotFitAreRefusedAtAddWithBothNames) {
  Feed<double> feed;
  CheckedPipeline pipeline;
  const AnyPort parents[] = {pipeline.add(feed_source(feed, Kind::Live), {.name = "numbers"}).node};
  const std::string message = message_of<GraphError>([&] {
    pipeline.add_any(std::make_unique<AnyNode>(get_type<Frame>(), nullptr), parents, {.name = "viewer"});
  });
  for (const char* part : {"Frame", "float", "viewer", "numbers"})
    EXPECT_TRUE(contains(message, part)) << message;
  EXPECT_EQ(node_names(pipeline), std::vector<std::string>{"numbers"});  // nothing half added
}

TEST(Types, OfEveryParentOfAMergeAreChecked) {
  Feed<double> doubles;
  Feed<int> ints;
  CheckedPipeline pipeline;
  const AnyPort parents[] = {pipeline.add(feed_source(doubles, Kind::Live)).node,
                             pipeline.add(feed_source(ints, Kind::Live)).node};
  EXPECT_THROW(pipeline.add_any(std::make_unique<AnyNode>(get_type<double>(), nullptr), parents, {}),
               GraphError);
  EXPECT_NO_THROW(pipeline.add_any(std::make_unique<AnyNode>(nullptr, nullptr), parents, {}));
}

TEST(Types, AnUntypedNodePassesWhatItGetsToATypedOneThatFits) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(3));
  const AnyPort parents[] = {source.node};
  const Port<int> any{pipeline.add_any(std::make_unique<AnyNode>(nullptr, get_type<int>()),
                                       std::span<const AnyPort>(parents), {})};
  pipeline.add(collect_into<int>(seen), any);
  EXPECT_TRUE(pipeline.run().complete);
  EXPECT_EQ(seen.all().size(), 3U);
}

TEST(Types, AnOutputThatBreaksItsPromiseIsAnErrorAndNotACrash) {
  Seen<Sample<double>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(3));
  const AnyPort parents[] = {source.node};
  // Declares double, sends int.
  const Port<double> liar{
      pipeline.add_any(std::make_unique<AnyNode>(nullptr, get_type<double>()), parents, {})};
  pipeline.add(collect_into<double>(seen), liar);
  EXPECT_THROW((void)pipeline.run(), Error);
  EXPECT_TRUE(seen.all().empty());
}

TEST(Types, AnOutputThatPromisesNothingNeverReachesATypedNodeUnchecked) {
  Seen<Sample<double>> seen;
  EXPECT_THROW(
      {
        CheckedPipeline pipeline;
        const auto source = pipeline.add(count_source(3));
        const AnyPort parents[] = {source.node};
        const Port<double> any{pipeline.add_any(std::make_unique<AnyNode>(nullptr, nullptr), parents, {})};
        pipeline.add(collect_into<double>(seen), any);
        (void)pipeline.run();
      },
      Error);
  EXPECT_TRUE(seen.all().empty());
}

TEST(Wiring, WhatCannotBeIsRefusedAtAdd) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  const AnyPort unknown[] = {7};
  const AnyPort negative[] = {-1};
  const AnyPort known[] = {source.node};
  const auto any = [] { return std::make_unique<AnyNode>(nullptr, nullptr); };
  EXPECT_THROW(pipeline.add_any(any(), unknown, {}), GraphError);
  EXPECT_THROW(pipeline.add_any(any(), negative, {}), GraphError);
  EXPECT_THROW(pipeline.add_any(any(), {}, {}), GraphError);  // a node needs a parent
  EXPECT_THROW(pipeline.add_any(feed_source(feed, Kind::Live), known, {}), GraphError);  // a source has none
  EXPECT_THROW(pipeline.add_any(nullptr, known, {}), GraphError);
  EXPECT_THROW((void)pipeline.reader_any(unknown, {}), GraphError);
  EXPECT_THROW((void)pipeline.reader_any({}, {}), GraphError);
  EXPECT_EQ(pipeline.stats().nodes.size(), 1U);
  EXPECT_FALSE(contains(pipeline.to_string(), "->")) << pipeline.to_string();
}

TEST(Text, ShowsEachEdgeOnALineWithItsPolicyAndCounts) {
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto clip = pipeline.add(count_source(12), {.name = "clip"});
  const auto step = pipeline.add(pass_on<int>(), clip, {.name = "step"});
  pipeline.add(collect_into<int>(seen), step, {.name = "sink", .queue = Queue{64, WhenFull::Block}});
  (void)pipeline.run();
  const std::string text = pipeline.to_string();
  int edges = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (contains(line, "clip") && contains(line, "step")) {
      ++edges;
      EXPECT_TRUE(contains(line, "LOSSLESS")) << line;
      EXPECT_TRUE(contains(line, "12")) << line;
    }
    if (contains(line, "step") && contains(line, "sink")) {
      ++edges;
      EXPECT_TRUE(contains(line, "Queue(64, block)")) << line;
    }
  }
  EXPECT_EQ(edges, 2) << text;
}

TEST(Options, AnEmptyPipelineOrBadOptionsAreRefusedBeforeAThreadRuns) {
  CheckedPipeline empty;
  EXPECT_THROW(empty.start(), GraphError);
}

}  // namespace
}  // namespace freshframe::test
