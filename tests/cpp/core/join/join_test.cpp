// Joins in an inbox and in a pipeline: nodes and readers of sets, queues, ends, stops, refusals, counters.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using core::Inbox;
using core::JoinRules;
using core::Taken;

/// An inbox with a join of two parents, by pts, and its clock.
class TwoCameras {
 public:
  explicit TwoCameras(const JoinRules& rules, Queue queue = kJoining)
      : clock(std::make_shared<SimulatedClock>()), inbox("pair", clock) {
    for (const auto* name : {"left", "right"}) {
      edges.push_back(inbox.add_edge({.parent_name = name, .queue = queue, .joined = true}));
    }
    inbox.expect_join();
    inbox.join(rules);
  }
  TwoCameras(const TwoCameras&) = delete;
  TwoCameras& operator=(const TwoCameras&) = delete;
  ~TwoCameras() {
    Stats stats;
    stats.edges = inbox.stats();
    expect_books(stats);
  }

  TwoCameras& put(int parent, double time) {
    AnySample sample;
    sample.stamp.pts = time;
    sample.stamp.captured = clock->now();
    sample.stamp.source = parent;
    sample.value = ValueRef::make<int>(parent);
    inbox.put(edge(parent), std::move(sample), blocked);
    return *this;
  }
  /// The times of the next set; empty: there is none.
  std::vector<double> take() {
    AnySample sample;
    if (inbox.try_take(sample) != Taken::Sample) return {};
    std::vector<double> times;
    for (const auto& part : sample.value.as<Joined>()->parts) times.push_back(part ? part->stamp.pts : -1);
    return times;
  }

  [[nodiscard]] core::Edge& edge(int parent) const { return *edges[static_cast<std::size_t>(parent)]; }

  std::shared_ptr<SimulatedClock> clock;
  Inbox inbox;
  std::vector<core::EdgeRef> edges;
  std::atomic<bool> blocked{false};
};

const JoinRules kByPts{.by = JoinBy::Pts, .within = 0.01, .wait = 0.05};

TEST(Join, ASetHasTheStampOfItsReference) {
  TwoCameras cameras(kByPts);
  cameras.put(1, 1.004).put(0, 1);
  AnySample sample;
  ASSERT_EQ(cameras.inbox.try_take(sample), Taken::Sample);
  EXPECT_EQ(sample.stamp.pts, 1);
  EXPECT_EQ(sample.stamp.source, 0);
  const auto& parts = sample.value.as<Joined>()->parts;
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[1]->stamp.pts, 1.004);
  EXPECT_EQ(*parts[1]->value.as<int>(), 1);
}

TEST(Join, SamplesThatFindNoPartnerAreCountedByCause) {
  TwoCameras cameras(kByPts);
  cameras.put(0, 1).put(0, 1.033).put(1, 1.034);
  EXPECT_EQ(cameras.take(), (std::vector{1.033, 1.034}));
  cameras.put(0, 2);
  cameras.clock->advance(Seconds{0.2});
  cameras.put(1, 2.001).put(0, 2.1).put(1, 2.101);
  EXPECT_EQ(cameras.take(), (std::vector{2.1, 2.101}));
  const auto edges = cameras.inbox.stats();
  EXPECT_EQ(drops_of(edges[0], DropCause::Unmatched), 2U);
  EXPECT_EQ(drops_of(edges[1], DropCause::Late), 1U);
  const auto join = cameras.inbox.join_stats(Span::WholeRun);
  ASSERT_TRUE(join);
  EXPECT_EQ(join->sets, 2U);
  EXPECT_EQ(join->parents[0].unmatched, 2U);
  EXPECT_EQ(join->parents[1].late, 1U);
  EXPECT_NEAR(join->spread_p50, 0.001, 0.0001);
}

TEST(Join, ASetThatWaitsForItsConsumerCountsAsWaitingOnEachEdge) {
  TwoCameras cameras(kByPts);
  cameras.put(0, 1).put(1, 1).put(0, 2);
  auto edges = cameras.inbox.stats();
  EXPECT_EQ(edges[0].waiting, 2U);
  EXPECT_EQ(edges[1].waiting, 1U);
  EXPECT_FALSE(cameras.take().empty());
  edges = cameras.inbox.stats();
  EXPECT_EQ(edges[0].delivered, 1U);
  EXPECT_EQ(edges[0].waiting, 1U);
}

TEST(Join, ASlowConsumerGetsTheSetsOfTheLastWaitAndTheNewestInAnyCase) {
  TwoCameras cameras(kByPts);
  for (int k = 0; k < 20; ++k) {
    cameras.put(0, k * 0.033).put(1, k * 0.033);
    cameras.clock->advance(Seconds{0.033});
  }
  EXPECT_EQ(cameras.take(), (std::vector{19 * 0.033, 19 * 0.033}));
  EXPECT_TRUE(cameras.take().empty());
  EXPECT_EQ(drops_of(cameras.inbox.stats()[0], DropCause::QueueFull), 19U);
}

TEST(Join, LatestSkipsOlderSets) {
  TwoCameras cameras(kByPts);
  cameras.put(0, 1).put(1, 1).put(0, 2).put(1, 2);
  AnySample sample;
  ASSERT_EQ(cameras.inbox.take_newest(sample), Taken::Sample);
  EXPECT_EQ(sample.stamp.pts, 2);
  EXPECT_EQ(drops_of(cameras.inbox.stats()[1], DropCause::Skipped), 1U);
}

TEST(Join, AConsumerThatWaitsGetsAPartialSetAtTheEndOfTheWait) {
  TwoCameras cameras({.by = JoinBy::Pts, .within = 0.01, .wait = 0.05, .partial = true});
  std::optional<double> at;
  std::jthread consumer([&] {
    AnySample sample;
    if (cameras.inbox.take(sample, TimePoint::max()) != Taken::Sample) return;
    at = Seconds(cameras.clock->now().time_since_epoch()).count();
    EXPECT_FALSE(sample.value.as<Joined>()->parts[1]);
  });
  cameras.clock->wait_for_sleepers(1);
  cameras.clock->advance(Seconds{0.02});
  cameras.put(0, 1);
  cameras.clock->advance(Seconds{0.03});  // the wait of a consumer that began to wait before the sample came
  cameras.clock->wait_for_sleepers(1);
  cameras.clock->advance(Seconds{0.02});
  consumer.join();
  ASSERT_TRUE(at);
  EXPECT_NEAR(*at, 0.07, 1e-9);
}

TEST(Join, AConsumerOutsideKnowsWhenToLookForAPartialSet) {
  const TwoCameras whole(kByPts);
  EXPECT_FALSE(whole.inbox.look_within());
  TwoCameras cameras({.by = JoinBy::Pts, .within = 0.01, .wait = 0.05, .partial = true});
  EXPECT_NEAR(cameras.inbox.look_within()->count(), 0.05, 1e-9);
  cameras.put(0, 1);
  cameras.clock->advance(Seconds{0.02});
  EXPECT_NEAR(cameras.inbox.look_within()->count(), 0.03, 1e-9);
}

TEST(Join, WhenAllParentsHaveEndedTheSetsThatWaitAreTaken) {
  TwoCameras cameras(kByPts);
  cameras.put(0, 1).put(1, 1).put(0, 2);
  cameras.inbox.end(cameras.edge(0));
  cameras.inbox.end(cameras.edge(1));
  EXPECT_FALSE(cameras.inbox.ended());
  EXPECT_FALSE(cameras.take().empty());
  AnySample sample;
  EXPECT_EQ(cameras.inbox.take(sample, TimePoint::max()), Taken::Ended);
  EXPECT_TRUE(cameras.inbox.ended());
}

TEST(Join, ARemovedParentTakesItsSetsAlong) {
  TwoCameras cameras(kByPts);
  cameras.put(0, 1).put(1, 1).put(0, 2);
  const auto last = cameras.inbox.remove_edge(cameras.edges[1]);
  EXPECT_EQ(last.passed_in, 1U);
  EXPECT_EQ(drops_of(last, DropCause::Removed), 1U);
  cameras.put(1, 2).put(0, 3);
  EXPECT_TRUE(cameras.take().empty());
  const auto left = cameras.inbox.stats().at(0);
  EXPECT_EQ(drops_of(left, DropCause::Removed), 1U);
  EXPECT_EQ(drops_of(left, DropCause::Unmatched), 2U);
}

TEST(Join, AStopDropsSetsAndSamplesThatWait) {
  TwoCameras cameras(kByPts);
  cameras.put(0, 1).put(1, 1).put(0, 2);
  cameras.inbox.close();
  cameras.put(1, 2);
  EXPECT_TRUE(cameras.take().empty());
  EXPECT_EQ(drops_of(cameras.inbox.stats()[0], DropCause::Stop), 2U);
  EXPECT_EQ(drops_of(cameras.inbox.stats()[1], DropCause::Stop), 2U);
}

TEST(Join, ARecorderStillTakesTheSetsThatWaitAtTheStop) {
  TwoCameras cameras(kByPts);
  cameras.put(0, 1).put(1, 1).put(0, 2);
  cameras.inbox.close_for_new(cameras.clock->now() + to_duration(Seconds{2}));
  EXPECT_FALSE(cameras.take().empty());
  AnySample sample;
  EXPECT_EQ(cameras.inbox.take(sample, TimePoint::max()), Taken::Ended);
}

TEST(Join, ADroppingQueueIsBoundedBySetsAndSamplesTogether) {
  TwoCameras oldest({.by = JoinBy::Pts, .within = 0.01, .wait = 100}, Queue{4});
  TwoCameras newest({.by = JoinBy::Pts, .within = 0.01, .wait = 100}, Queue{4, WhenFull::DropNewest});
  for (auto* cameras : {&oldest, &newest}) {
    for (int k = 0; k < 6; ++k) cameras->put(0, k).put(1, k);
    for (const auto& edge : cameras->inbox.stats()) {
      EXPECT_EQ(edge.waiting, 4U);
      EXPECT_EQ(drops_of(edge, DropCause::QueueFull), 2U);
    }
  }
  EXPECT_EQ(oldest.take(), (std::vector{2.0, 2.0}));
  EXPECT_EQ(newest.take(), (std::vector{0.0, 0.0}));
}

TEST(Join, AProducerWaitsForRoomInABlockingQueueUntilASetIsTaken) {
  TwoCameras cameras({.by = JoinBy::Pts, .within = 0.01}, Queue{2, WhenFull::Block});
  cameras.put(0, 0).put(0, 1).put(1, 0).put(1, 1);
  EXPECT_TRUE(cameras.inbox.would_wait(cameras.edge(0)));
  std::jthread producer([&] { cameras.put(0, 2); });
  wait_until([&] { return cameras.blocked.load(); });
  EXPECT_EQ(cameras.take(), (std::vector{0.0, 0.0}));
  producer.join();
  EXPECT_EQ(cameras.inbox.stats()[0].waiting, 2U);
}

TEST(Join, NoSetForTenSecondsIsTroubleWithTheDistance) {
  TwoCameras cameras(kByPts);
  for (int k = 0; k < 400; ++k) {
    cameras.put(0, k * 0.033).put(1, k * 0.033 + 3612);
    cameras.clock->advance(Seconds{0.033});
  }
  const auto join = *cameras.inbox.join_stats(Span::WholeRun);
  EXPECT_EQ(join.sets, 0U);
  EXPECT_TRUE(contains(join.trouble, "no complete set for 13 s by pts")) << join.trouble;
  EXPECT_TRUE(contains(join.trouble, "'right' are 3612 s later") ||
              contains(join.trouble, "'right' are 3611"))
      << join.trouble;
  ASSERT_TRUE(join.parents[1].nearest);
  EXPECT_NEAR(*join.parents[1].nearest, 3612, 1);
}

TEST(Join, ByWallTimeItDropsSamplesWithoutAClockOfTheirOwn) {
  TwoCameras cameras({.by = JoinBy::Utc, .within = 0.01, .wait = 0.05});
  const auto put = [&](int parent, Utc utc) {
    AnySample sample;
    sample.stamp.captured = cameras.clock->now();
    sample.stamp.source = parent;
    sample.stamp.utc = utc;
    sample.value = ValueRef::make<int>(0);
    cameras.inbox.put(cameras.edge(parent), std::move(sample), cameras.blocked);
  };
  put(0, {1.7e9, 0.001F, UtcFrom::Camera});
  put(1, {1.7e9, 0.02F, UtcFrom::Camera});    // not exact enough
  put(1, {1.7e9, 0.001F, UtcFrom::Arrival});  // this machine's clock
  put(1, {1.7e9 + 0.005, 0.001F, UtcFrom::Device});
  EXPECT_FALSE(cameras.take().empty());
  EXPECT_EQ(drops_of(cameras.inbox.stats()[1], DropCause::NoClock), 2U);
  for (int k = 0; k < 400; ++k) {
    put(0, {1.7e9 + k * 0.033, 0.001F, UtcFrom::Camera});
    put(1, {1.7e9 + k * 0.033, 0.01F, UtcFrom::Arrival});
    cameras.clock->advance(Seconds{0.033});
  }
  const auto trouble = cameras.inbox.join_stats(Span::WholeRun)->trouble;
  EXPECT_TRUE(
      contains(trouble, "'right' has no wall clock of its own (utc_from is arrival): join by captured"))
      << trouble;
}

// ---- in a pipeline

class Sum final : public JoinNode<int, double, double> {
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
      pipeline.add(std::make_unique<Sum>(), std::tuple{source, half}, {.name = "sum", .join = Join{}});
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
  EXPECT_EQ(first.size(), 88U);  // the reference's times up to the end of the other and `within`
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
  const auto sum = pipeline.add(std::make_unique<SumOfSome>(), std::tuple{a, b},
                                {.name = "sum", .join = Join{.within = 0.01, .wait = 0.05, .partial = true}});
  pipeline.add(collect_into<int>(seen), sum);
  pipeline.start();
  left.push_and_settle(1);
  right.push_and_settle(1);
  seen.wait_for(1);
  clock->advance(Seconds{1});
  left.push_and_settle(2);
  seen.wait_for(2);  // at once: the other has been silent for long
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
  EXPECT_TRUE(contains(message, "no samples of 'b' come out of 'sum'")) << message;
  pipeline.start();
  while (const auto sample = reader.get()) EXPECT_EQ(pipeline.node_name(sample->stamp.source), "a");
  EXPECT_EQ(edge_of(pipeline, "sum", "of a").sources, 1U);
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
    EXPECT_EQ(*set->value.parts[1]->value.as<double>(), count / 2.0);
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
  const auto message = message_of<Stalled>([&] { (void)pipeline.wait(); });
  EXPECT_TRUE(
      contains(message, "join 'sum' waits for a sample of 'rare', while its queue of 'source' is full"))
      << message;
  EXPECT_TRUE(contains(message, "Join(wait=...)")) << message;
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
                                {.name = "sum", .join = Join{.wait = 0.001}});
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
  expect(refusal(std::tuple{file, other}, {.name = "x"}), "add it with one");
  expect(refusal(std::tuple{file, other}, {.name = "x", .join = Join{}}), "joins by pts and needs within=");
  expect(refusal(std::tuple{file, camera}, {.name = "x", .join = Join{.within = 0.1}}), "needs wait=");
  expect(refusal(std::tuple{camera, both}, {.name = "x", .join = Join{.within = 0.1, .wait = 1}}),
         "port.of(camera)");
  expect(refusal(std::tuple{file, other}, {.name = "x", .queue = kLatest, .join = Join{.within = 0.1}}),
         "has a join and queue=LATEST");
  expect(refusal(std::tuple{file, other}, {.name = "x", .batch = Batch{2}, .join = Join{.within = 0.1}}),
         "batch");
  expect(refusal(std::tuple{file, other}, {.name = "x", .join = Join{.within = -1}}), "at least 0 seconds");
  expect(refusal(std::tuple{file, other}, {.name = "x", .join = Join{.within = 1, .wait = 0}}),
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
