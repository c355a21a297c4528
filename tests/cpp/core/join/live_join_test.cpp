// Joins that are added while the pipeline runs, and what may be connected upstream of them.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/pipeline.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using core::EdgeRef;
using core::Inbox;
using core::Taken;

// A live source of 0, 1, 2, ... with almost no pauses.
std::unique_ptr<FunctionSource<int>> quick_camera() {
  return make_source<int>(
      {.live = true, .read = [next = 0](const Context& context) mutable -> std::optional<SourceItem<int>> {
         if (context.stop.stop_requested()) return std::nullopt;
         std::this_thread::sleep_for(std::chrono::microseconds(20));
         return SourceItem<int>{next++, 0, context.clock.now()};
       }});
}

class Difference final : public JoinNode<int, int, int> {
 public:
  std::optional<int> process(const Sample<int>& a, const Sample<int>& b, const Context&) override {
    return a.value - b.value;
  }
};

TEST(LiveJoin, ANodeThatIsAddedBesideSamplesGetsSetsOnly) {
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(quick_camera(), {.name = "cam"});
  const auto step = pipeline.add(pass_on<int>(), cam, {.name = "step"});
  pipeline.start();
  for (int round = 0; round < 50; ++round) {
    const auto difference = pipeline.add(std::make_unique<Difference>(), std::tuple{cam, step},
                                         {.name = "difference", .join = Join{.max_wait = 1}});
    auto reader = pipeline.reader(difference, {.queue = Queue{4}});
    EXPECT_EQ(reader.get(Seconds{30}).value().value, 0);
    const auto stats = node_of(pipeline, "difference");
    ASSERT_TRUE(stats.join);
    EXPECT_GT(stats.join->sets, 0U);
    pipeline.remove(difference);
  }
}

TEST(LiveJoin, AReaderThatIsMadeBesideSamplesGetsSetsOnly) {
  CheckedPipeline pipeline;
  const auto cam = pipeline.add(quick_camera(), {.name = "cam"});
  const auto step = pipeline.add(pass_on<int>(), cam, {.name = "step"});
  pipeline.start();
  for (int round = 0; round < 50; ++round) {
    auto reader = pipeline.reader(std::tuple{cam, step}, {.join = Join{.max_wait = 1}});
    const auto set = reader.get(Seconds{30}).value().value;
    ASSERT_EQ(set.members.size(), 2U);
    EXPECT_EQ(set.members[0]->stamp.seq, set.members[1]->stamp.seq);
    reader.close();
  }
}

class HowMany final : public JoinNode<int, std::optional<int>, int> {
 public:
  std::optional<int> process(const Sample<int>& /*left*/, const std::optional<Sample<int>>& right,
                             const Context&) override {
    return right ? 2 : 1;
  }
};

TEST(LiveJoin, WithPartialSetsOutlivesAParentThatIsNotTheReference) {
  for (const bool drains : {false, true}) {
    CheckedPipeline pipeline(kept_running());
    const auto left = pipeline.add(quick_camera(), {.name = "left"});
    const auto right = pipeline.add(quick_camera(), {.name = "right"});
    const Join join{.within = 1000, .max_wait = 0.05, .by = JoinBy::Pts, .partial = true};
    const auto node =
        pipeline.add(std::make_unique<HowMany>(), std::tuple{left, right}, {.name = "both", .join = join});
    auto reader = pipeline.reader(node, {.queue = Queue{4}});
    pipeline.start();
    while (reader.get(Seconds{30}).value().value != 2) {
    }
    pipeline.remove(right, {.drain = drains});
    for (int k = 0; k < 200; ++k) (void)reader.get(Seconds{30});  // sets that were completed earlier
    for (int k = 0; k < 20; ++k) EXPECT_EQ(reader.get(Seconds{30}).value().value, 1);
    EXPECT_TRUE(contains(message_of<GraphError>([&] { pipeline.disconnect(node, left); }),
                         "'both' joins its parents and cannot be disconnected from one"));
    pipeline.remove(left);
    EXPECT_TRUE(pipeline.stats().nodes.empty());
  }
}

TEST(LiveJoin, RefusesASecondSourceAboveIt) {
  Feed<int> feed;
  for (const bool is_late : {false, true}) {
    CheckedPipeline pipeline(kept_running());
    const auto door = pipeline.add(feed_source(feed, Kind::Live), {.name = "door"});
    const auto yard = pipeline.add(feed_source(feed, Kind::Live), {.name = "yard"});
    const auto people = pipeline.add(pass_on<int>(), std::vector<Port<int>>{door}, {.name = "people"});
    const auto difference = pipeline.add(std::make_unique<Difference>(), std::tuple{door, people},
                                         {.name = "difference", .join = Join{.max_wait = 1}});
    const auto refused = [&](Port<int> child) {
      return message_of<GraphError>([&] { pipeline.connect(child, yard); });
    };
    if (is_late) pipeline.start();
    EXPECT_TRUE(
        contains(refused(people), "'difference', downstream of 'people', takes the samples of one source"));
    EXPECT_THROW((void)pipeline.reader(people.of(yard)), GraphError) << "it was not connected";
    EXPECT_TRUE(contains(refused(difference), "'difference' joins its parents and cannot get another one"));
    if (!is_late) continue;
    pipeline.remove(difference);
    auto pairs = pipeline.reader(std::tuple{door, people}, {.name = "pairs", .join = Join{.max_wait = 1}});
    EXPECT_TRUE(contains(refused(people), "reader 'pairs', downstream of 'people'"));
    pairs.close();
    pipeline.connect(people, yard);
  }
}

class DifferenceIfBoth final : public JoinNode<int, std::optional<int>, int> {
 public:
  std::optional<int> process(const Sample<int>& a, const std::optional<Sample<int>>& b,
                             const Context&) override {
    return b ? a.value - b->value : a.value;
  }
};

TEST(LiveJoin, OfPartialSetsTakesNoNodeOfWholeSetsInItsPlace) {
  Feed<int> feeds[2];
  CheckedPipeline pipeline;
  const auto a = pipeline.add(feed_source(feeds[0], Kind::Live), {.name = "a"});
  const auto b = pipeline.add(feed_source(feeds[1], Kind::Live), {.name = "b"});
  const auto join =
      pipeline.add(std::make_unique<DifferenceIfBoth>(), std::tuple{a, b},
                   {.name = "join", .join = Join{.within = 0.1, .max_wait = 1, .partial = true}});
  pipeline.start();
  const auto refused = message_of<Error>([&] { pipeline.replace(join, std::make_unique<Difference>()); });
  EXPECT_TRUE(contains(refused, "must be a std::optional")) << refused;
  EXPECT_NO_THROW(pipeline.replace(join, std::make_unique<DifferenceIfBoth>()));
}

TEST(LiveJoin, AConsumerThatWaitsSinceBeforeTheJoinLooksAtTheTimes) {
  for (int round = 0; round < 20; ++round) {
    Inbox inbox("pair", Clock::real());
    inbox.expect_join();
    inbox.stay_open(true);
    AnySample set;
    std::jthread consumer([&] { EXPECT_EQ(inbox.take(set, TimePoint::max()), Taken::Sample); });
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // it usually waits then
    const EdgeRef edges[] = {inbox.add_edge({.parent_name = "left", .queue = kJoining, .joined = true}),
                             inbox.add_edge({.parent_name = "right", .queue = kJoining, .joined = true})};
    inbox.join({.within = 0.1, .wait = 0.01, .partial = true});
    std::atomic<bool> blocked{false};
    AnySample sample{{0, 0, Clock::real()->now(), 0}, {}, ValueRef::make<int>(1), 0};
    inbox.put(*edges[0], std::move(sample), blocked);
    consumer.join();
    EXPECT_FALSE(set.value.as<Joined>()->members.at(1));
  }
}

}  // namespace
}  // namespace freshframe::test
