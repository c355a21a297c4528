// Joins in a pipeline: nodes and readers of sets, files and cameras, branches that filter, errors.
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

class SumOfPair final : public JoinNode<int, double, double> {
 public:
  std::optional<double> process(const Sample<int>& a, const Sample<double>& b, const Context&) override {
    return a.value + b.value;
  }
};

class SumOfSome final : public JoinNode<int, std::optional<int>, int> {
 public:
  std::optional<int> process(const Sample<int>& a, const std::optional<Sample<int>>& b,
                             const Context&) override {
    return b ? a.value + b->value : -a.value;
  }
};

std::unique_ptr<FunctionNode<int, double>> halves() {
  return make_node<int, double>(
      [](const Sample<int>& sample, const Context&) { return std::optional(sample.value / 2.0); });
}

TEST(JoinNode, JoinsTheBranchesOfOneSourceByNumber) {
  Seen<Sample<double>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(50), {.name = "source"});
  const auto half = pipeline.add(halves(), source, {.name = "half"});
  const auto sum =
      pipeline.add(std::make_unique<SumOfPair>(), std::tuple{source, half}, {.name = "sum", .join = Join{}});
  pipeline.add(collect_into<double>(seen), sum);
  EXPECT_TRUE(pipeline.run().complete);
  const auto all = seen.all();
  ASSERT_EQ(all.size(), 50U);
  EXPECT_EQ(all[49].value, 49 + 24.5);
  EXPECT_EQ(all[49].stamp.seq, 49);
  const auto stats = node_of(pipeline, "sum");
  ASSERT_TRUE(stats.join);
  EXPECT_EQ(stats.join->by, JoinBy::Seq);
  EXPECT_EQ(stats.join->sets, 50U);
  EXPECT_EQ(stats.processed, 50U);
  EXPECT_EQ(edge_of(pipeline, "half", "sum").queue, kLossless);
}

TEST(JoinNode, FilesOfDifferentRatesGiveTheSameSetsEachTime) {
  const auto run = [] {
    Seen<Sample<int>> seen;
    CheckedPipeline pipeline;
    const auto counted = [](int count, double rate) {
      return make_source<int>(
          {.read = [next = 0, count, rate](const Context&) mutable -> std::optional<SourceItem<int>> {
            if (next == count) return std::nullopt;
            const int value = next++;
            return SourceItem<int>{value, value / rate};
          }});
    };
    const auto slow = pipeline.add(counted(100, 25), {.name = "slow"});
    const auto fast = pipeline.add(counted(700, 200), {.name = "fast"});
    const auto sum = pipeline.add(std::make_unique<SumOfSome>(), std::tuple{slow, fast},
                                  {.name = "sum", .join = Join{.within = 0.02}});
    pipeline.add(collect_into<int>(seen), sum);
    pipeline.run();
    EXPECT_EQ(node_of(pipeline, "sum").join->by, JoinBy::Pts);
    std::vector<int> values;
    for (const auto& sample : seen.all()) values.push_back(sample.value);
    return values;
  };
  const auto first = run();
  EXPECT_EQ(first.size(), 88U);  // the reference's samples up to the end of the other parent plus `within`
  for (int i = 1; i < 10; ++i) EXPECT_EQ(run(), first);
  EXPECT_EQ(first[3], 3 + 24);  // the nearest
}

TEST(JoinNode, ASilentLiveParentIsMissingInPartialSets) {
  const auto clock = std::make_shared<SimulatedClock>();
  Feed<int> left;
  Feed<int> right;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline(clock);
  const auto a = pipeline.add(feed_source(left, Kind::Live), {.name = "left"});
  const auto b = pipeline.add(feed_source(right, Kind::Live), {.name = "right"});
  const auto sum =
      pipeline.add(std::make_unique<SumOfSome>(), std::tuple{a, b},
                   {.name = "sum", .join = Join{.within = 0.01, .max_wait = 0.05, .partial = true}});
  pipeline.add(collect_into<int>(seen), sum);
  pipeline.start();
  left.push_and_settle(1);
  right.push_and_settle(1);
  seen.wait_for(1);
  clock->advance(Seconds{1});
  left.push_and_settle(2);
  seen.wait_for(2);  // immediately: the other parent has been silent for long
  EXPECT_EQ(seen.all()[0].value, 2);
  EXPECT_EQ(seen.all()[1].value, -2);
  EXPECT_EQ(edge_of(pipeline, "left", "sum").queue, kJoining);
  const auto stats = *node_of(pipeline, "sum").join;
  EXPECT_EQ(stats.by, JoinBy::Captured);
  EXPECT_EQ(stats.sets, 1U);
  EXPECT_EQ(stats.partial, 1U);
}

TEST(JoinNode, ThatThrowsSkipsTheSet) {
  class Thrower final : public JoinNode<int, int, int> {
   public:
    std::optional<int> process(const Sample<int>& a, const Sample<int>&, const Context&) override {
      if (a.value == 3) throw std::runtime_error("three");
      return a.value;
    }
  };
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(10));
  const auto same = pipeline.add(pass_on<int>(), source);
  const auto node = pipeline.add(std::make_unique<Thrower>(), std::tuple{source, same},
                                 {.name = "thrower", .on_error = OnError::Skip, .join = Join{}});
  pipeline.add(collect_into<int>(seen), node);
  pipeline.run();
  EXPECT_EQ(seen.all().size(), 9U);
  EXPECT_EQ(drops_of(node_of(pipeline, "thrower"), NodeDropCause::Error), 1U);
}

TEST(JoinNode, ItsResultsAreOfTheReferencesSource) {
  CheckedPipeline pipeline;
  const auto a = pipeline.add(count_source(3), {.name = "a"});
  const auto b = pipeline.add(count_source(3), {.name = "b"});
  const auto sum = pipeline.add(std::make_unique<SumOfSome>(), std::tuple{a, b},
                                {.name = "sum", .join = Join{.within = 0.01}});
  auto reader = pipeline.reader(sum.of(a), {.name = "of a"});
  const auto message = message_of<GraphError>([&] { (void)pipeline.reader(sum.of(b)); });
  EXPECT_TRUE(contains(message, "'sum' returns no samples of 'b'")) << message;
  pipeline.start();
  while (const auto sample = reader.get()) EXPECT_EQ(pipeline.node_name(sample->stamp.source), "a");
  EXPECT_EQ(edge_of(pipeline, "sum", "of a").source_count, 1U);
}

TEST(JoinReader, GivesSets) {
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(5));
  const auto half = pipeline.add(halves(), source);
  auto reader = pipeline.reader(std::tuple{source, half}, {.name = "pairs", .join = Join{}});
  pipeline.start();
  int count = 0;
  while (const auto set = reader.get()) {
    EXPECT_EQ(set->stamp.seq, count);
    EXPECT_EQ(*set->value.members[1]->value.as<double>(), count / 2.0);
    ++count;
  }
  EXPECT_EQ(count, 5);
}

TEST(Join, ABranchThatFiltersStallsAndTheMessageSaysWhatToDo) {
  Pipeline::Options options;
  options.stall_timeout = 0.1;
  CheckedPipeline pipeline(options);
  Seen<Sample<int>> seen;
  const auto source = pipeline.add(count_source(100), {.name = "source"});
  const auto rare =
      pipeline.add(make_node<int, int>([](const Sample<int>& sample, const Context&) {
                     return sample.value % 50 == 40 ? std::optional(sample.value) : std::nullopt;
                   }),
                   source, {.name = "rare"});
  const auto sum =
      pipeline.add(std::make_unique<SumOfSome>(), std::tuple{source, rare}, {.name = "sum", .join = Join{}});
  pipeline.add(collect_into<int>(seen), sum);
  pipeline.start();
  const auto message = message_of<StalledError>([&] { (void)pipeline.wait(); });
  EXPECT_TRUE(
      contains(message, "join 'sum' waits for a sample of 'rare', while its queue for 'source' is full"))
      << message;
  EXPECT_TRUE(contains(message, "Join(max_wait=...)")) << message;
}

TEST(Join, WithAWaitABranchThatFiltersEnds) {
  CheckedPipeline pipeline;
  Seen<Sample<int>> seen;
  const auto source = pipeline.add(count_source(100), {.name = "source"});
  const auto rare =
      pipeline.add(make_node<int, int>([](const Sample<int>& sample, const Context&) {
                     return sample.value % 50 == 40 ? std::optional(sample.value) : std::nullopt;
                   }),
                   source, {.name = "rare"});
  const auto sum = pipeline.add(std::make_unique<SumOfSome>(), std::tuple{source, rare},
                                {.name = "sum", .join = Join{.max_wait = 0.001}});
  pipeline.add(collect_into<int>(seen), sum);
  EXPECT_FALSE(pipeline.run().complete);
  EXPECT_EQ(edge_of(pipeline, "source", "sum").passed_in, 100U);
}

TEST(Join, RefusesWhatItCannotDo) {
  CheckedPipeline pipeline;
  const auto file = pipeline.add(count_source(1), {.name = "file"});
  const auto other = pipeline.add(count_source(1), {.name = "other"});
  const auto camera = pipeline.add(count_source(1, Kind::Live), {.name = "camera"});
  const auto both = pipeline.add(pass_on<int>(), std::vector{file, other}, {.name = "both"});
  const auto refusal = [&](auto parents, AddOptions options) {
    return message_of<Error>([&] { pipeline.add(std::make_unique<SumOfSome>(), parents, options); });
  };
  const auto expect = [](const std::string& message, const char* part) {
    EXPECT_TRUE(contains(message, part)) << message;
  };
  expect(refusal(std::tuple{file, other}, {.name = "x"}), "pass join= to add()");
  expect(refusal(std::tuple{file, other}, {.name = "x", .join = Join{}}), "joins by pts and needs within=");
  expect(refusal(std::tuple{file, camera}, {.name = "x", .join = Join{.within = 0.1}}), "needs max_wait=");
  const auto live = refusal(std::tuple{file, camera}, {.name = "x", .join = Join{}});
  expect(live, "joins by captured and needs within=");
  expect(live, ", and max_wait=, the seconds");
  expect(refusal(std::tuple{camera, both}, {.name = "x", .join = Join{.within = 0.1, .max_wait = 1}}),
         "port.of(camera)");
  expect(refusal(std::tuple{file, other}, {.name = "x", .queue = kLatest, .join = Join{.within = 0.1}}),
         "queue=LATEST is too short");
  expect(refusal(std::tuple{file, other}, {.name = "x", .batch = Batch{2}, .join = Join{.within = 0.1}}),
         "batch");
  expect(refusal(std::tuple{file, other}, {.name = "x", .join = Join{.within = -1}}), "at least 0 seconds");
  expect(refusal(std::tuple{file, other}, {.name = "x", .join = Join{.within = 1, .max_wait = 0}}),
         "more than 0 seconds");
  expect(refusal(std::tuple{file, other}, {.name = "x", .join = Join{.within = 1, .by = JoinBy::Seq}}),
         "leave within out");
  expect(refusal(std::tuple{file, both.of(file)}, {.name = "x", .join = Join{.within = 1}}),
         "which it matches by their seq");
  expect(message_of<Error>([&] {
           const AnyPort parents[] = {file.any(), other.any()};
           pipeline.add_any(pass_on<int>(), parents, {.name = "x", .join = Join{.within = 0.1}});
         }),
         "takes one sample at a time");
  expect(message_of<Error>([&] {
           const AnyPort parents[] = {file.any()};
           (void)pipeline.reader_any(parents, {.name = "x", .join = Join{.within = 0.1}});
         }),
         "takes 2 to 16 parents, got 1");
  class Whole final : public JoinNode<int, int, int> {
   public:
    std::optional<int> process(const Sample<int>&, const Sample<int>&, const Context&) override { return 0; }
  };
  expect(message_of<Error>([&] {
           pipeline.add(std::make_unique<Whole>(), std::tuple{file, other},
                        {.name = "x", .join = Join{.within = 0.1, .partial = true}});
         }),
         "must be a std::optional");
}

}  // namespace
}  // namespace freshframe::test
