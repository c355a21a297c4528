// Events on edges that drop samples: each event arrives exactly once, whatever the policy.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"
#include "core/edge/kept_events.hpp"
#include "cpp/core/test_frames.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

// Puts a state and numbered events into an inbox.
struct StateWithEvents {
  std::int64_t state = 0;
  std::vector<int> events = {};

  [[nodiscard]] bool has_events() const noexcept { return !events.empty(); }
  void absorb(std::span<const StateWithEvents* const> older) {
    std::vector<int> all;
    for (const auto* each : older) all.insert(all.end(), each->events.begin(), each->events.end());
    all.insert(all.end(), events.begin(), events.end());
    events = std::move(all);
  }
};
static_assert(HasEvents<StateWithEvents>);
static_assert(!HasEvents<int>);

AnySample counted(std::int64_t seq, std::vector<int> events, TimePoint captured = {}, int source = 0) {
  return {{seq, 0, captured, source}, {}, ValueRef::make<StateWithEvents>({seq, std::move(events)}), 0};
}

// The states and events that a consumer received.
struct Consumer {
  std::vector<std::int64_t> states;
  std::vector<int> events;

  void see(const AnySample& sample) {
    const auto* value = sample.value.as<StateWithEvents>();
    ASSERT_NE(value, nullptr);
    states.push_back(value->state);
    events.insert(events.end(), value->events.begin(), value->events.end());
  }
};

struct OneEdge {
  explicit OneEdge(Queue queue, std::optional<double> max_age = {}) {
    edge = inbox.add_edge({0, "counter", queue, max_age});
  }
  void put(AnySample sample) { inbox.put(*edge, std::move(sample), blocked); }
  void take_all() {
    AnySample sample;
    while (inbox.take(sample, kWithoutWait) == Taken::Sample) consumer.see(sample);
    expect_books(inbox.stats());
  }

  std::shared_ptr<SimulatedClock> clock = std::make_shared<SimulatedClock>();
  Inbox inbox{"webhook", clock};
  EdgeRef edge;
  std::atomic<bool> blocked{false};
  Consumer consumer;
};

using Events = std::vector<int>;
using States = std::vector<std::int64_t>;

TEST(Events, OfADroppedSamplePassWithTheNextOneOlderFirst) {
  OneEdge one(kLatest);
  one.put(counted(0, {1, 2}));
  one.put(counted(1, {}));
  one.put(counted(2, {3}));
  one.put(counted(3, {4}));
  one.take_all();
  EXPECT_EQ(one.consumer.states, States{3});
  EXPECT_EQ(one.consumer.events, (Events{1, 2, 3, 4}));
  const auto stats = one.inbox.stats().at(0);
  EXPECT_EQ(drops_of(stats, DropCause::QueueFull), 3U);  // these samples are dropped in any case
  one.put(counted(4, {}));
  one.take_all();
  EXPECT_EQ(one.consumer.events.size(), 4U);
}

TEST(Events, NeverComeWithASampleOlderThanTheirOwn) {
  OneEdge one(Queue{2, WhenFull::DropNewest});
  one.put(counted(0, {}));
  one.put(counted(1, {1}));
  one.put(counted(2, {2}));  // dropped
  one.take_all();
  EXPECT_EQ(one.consumer.events, Events{1});
  one.put(counted(3, {3}));
  one.take_all();
  EXPECT_EQ(one.consumer.events, (Events{1, 2, 3}));
}

TEST(Events, OfTheLastSamplesPassAtTheEndAlthoughTheyWereDropped) {
  OneEdge one(kNext);
  one.put(counted(0, {1}));
  one.put(counted(1, {2}));
  one.put(counted(2, {}));
  one.take_all();
  EXPECT_TRUE(one.consumer.states.empty());
  EXPECT_FALSE(has_ended(one.inbox));
  one.inbox.end_edge(*one.edge);
  EXPECT_FALSE(has_ended(one.inbox));
  one.take_all();
  EXPECT_EQ(one.consumer.states, States{1});
  EXPECT_EQ(one.consumer.events, (Events{1, 2}));
  EXPECT_TRUE(has_ended(one.inbox));
  const auto stats = one.inbox.stats().at(0);
  EXPECT_EQ(stats.passed_in, 4U);
  EXPECT_EQ(stats.delivered, 1U);
  EXPECT_EQ(drops_of(stats, DropCause::NoWaiter), 3U);
}

TEST(Events, OfStaleAndSkippedSamplesPass) {
  OneEdge one(Queue{4}, 1.0);
  one.put(counted(0, {1}, one.clock->now()));
  one.clock->advance(Seconds{2});
  one.take_all();
  one.put(counted(1, {2}, one.clock->now()));
  one.put(counted(2, {3}, one.clock->now()));
  one.put(counted(3, {}, one.clock->now()));
  AnySample sample;
  EXPECT_EQ(one.inbox.take(sample, kWithoutWait, Pick::kNewest), Taken::Sample);
  one.consumer.see(sample);
  EXPECT_EQ(one.consumer.states, States{3});
  EXPECT_EQ(one.consumer.events, (Events{1, 2, 3}));
  expect_books(one.inbox.stats());
}

TEST(Events, OfOneSourceNeverPassWithASampleOfAnother) {
  Inbox inbox("webhook", std::make_shared<SimulatedClock>());
  const auto edge = inbox.add_edge({.parent_name = "counter", .queue = kLatest, .sources = {0, 1}});
  std::atomic<bool> blocked{false};
  inbox.put(*edge, counted(0, {1}, {}, 0), blocked);
  inbox.put(*edge, counted(0, {10}, {}, 1), blocked);
  inbox.put(*edge, counted(1, {2}, {}, 0), blocked);
  inbox.put(*edge, counted(1, {20}, {}, 1), blocked);
  std::vector<AnySample> samples;
  std::optional<TimePoint> until;
  ASSERT_EQ(inbox.take_batch(samples, Batch{2}, until, kWithoutWait), Taken::Sample);
  ASSERT_EQ(samples.size(), 2U);
  for (const auto& sample : samples) {
    const auto first = sample.stamp.source == 0 ? 1 : 10;
    EXPECT_EQ(sample.value.as<StateWithEvents>()->events, (Events{first, 2 * first}));
  }
}

TEST(Events, OnlyTheNewestOfTheKeptSamplesKeepsItsPicture) {
  OneEdge one(kNext);
  std::vector<Frame> frames;
  for (int i = 0; i < 3; ++i) {
    frames.push_back(gray_frame(i));
    auto sample = counted(i, {i});
    sample.frame = frames.back();
    one.put(std::move(sample));
  }
  one.inbox.end_edge(*one.edge);
  AnySample sample;
  ASSERT_EQ(one.inbox.take(sample, kWithoutWait), Taken::Sample);
  EXPECT_EQ(sample.stamp.seq, 2);
  EXPECT_TRUE(static_cast<bool>(sample.frame));
  EXPECT_EQ(sample.value.as<StateWithEvents>()->events, (Events{0, 1, 2}));
}

TEST(Events, WithoutRoomAreCountedAsLost) {
  OneEdge one(kNext);
  const auto count = static_cast<int>(KeptEvents::kMost) + 3;
  for (int i = 0; i < count; ++i) one.put(counted(i, {i}));
  EXPECT_EQ(one.inbox.stats().at(0).events_lost, 3U);
  one.inbox.end_edge(*one.edge);
  one.take_all();
  ASSERT_EQ(one.consumer.events.size(), KeptEvents::kMost);
  EXPECT_EQ(one.consumer.events.front(), 3);
}

TEST(Events, ThatWaitAtAStopPassInOneLastSampleAndNotAfterItsTime) {
  for (const bool in_time : {true, false}) {
    OneEdge one(Queue{4});
    one.put(counted(0, {1}));
    one.put(counted(1, {2}));
    one.put(counted(2, {}));
    one.inbox.close(Closing::ForEvents, one.clock->now() + to_duration(Seconds{2}));
    if (!in_time) one.clock->advance(Seconds{2});
    one.take_all();
    EXPECT_EQ(one.consumer.events, in_time ? (Events{1, 2}) : Events{});
    one.inbox.close();
    expect_books(one.inbox.stats());
    EXPECT_EQ(drops_of(one.inbox.stats().at(0), DropCause::Stop), 3U);
  }
}

// An upstream counter emits after the stop has begun, because it was still processing or was blocked on
// another edge.
TEST(Events, OfAParentThatIsStillAtWorkAtAStopPassWhenItEnds) {
  for (const Queue queue : {kLatest, kNext, Queue{1, WhenFull::Block}}) {
    Inbox inbox("webhook", std::make_shared<SimulatedClock>());
    const auto edge = inbox.add_edge({.parent_name = "counter", .queue = queue, .events = true});
    std::atomic<bool> blocked{false};
    inbox.close(Closing::ForEvents, TimePoint{} + to_duration(Seconds{2}));
    AnySample sample;
    EXPECT_EQ(inbox.take(sample, kWithoutWait), Taken::Nothing);
    inbox.put(*edge, counted(0, {1}), blocked);
    inbox.put(*edge, counted(1, {2}), blocked);
    EXPECT_EQ(inbox.take(sample, kWithoutWait), Taken::Nothing);
    inbox.end_edge(*edge);
    ASSERT_EQ(inbox.take(sample, kWithoutWait), Taken::Sample);
    EXPECT_EQ(sample.value.as<StateWithEvents>()->events, (Events{1, 2}));
    EXPECT_EQ(inbox.take(sample, kWithoutWait), Taken::Ended);
    expect_books(inbox.stats());
  }
}

TEST(Events, OfAParentThatDoesNotEndInTheTimeOfAStopAreCountedAsLost) {
  const auto clock = std::make_shared<SimulatedClock>();
  Inbox inbox("webhook", clock);
  const auto edge = inbox.add_edge({.parent_name = "counter", .queue = kLatest, .events = true});
  std::atomic<bool> blocked{false};
  inbox.put(*edge, counted(0, {1}), blocked);
  inbox.close(Closing::ForEvents, clock->now() + to_duration(Seconds{2}));
  AnySample sample;
  {
    const std::jthread time([&] {
      clock->wait_for_sleepers(1);
      clock->advance(Seconds{2});
    });
    EXPECT_EQ(inbox.take(sample, TimePoint::max()), Taken::Ended);
  }
  inbox.close();
  inbox.put(*edge, counted(1, {2, 3}), blocked);
  EXPECT_EQ(inbox.stats().at(0).events_lost, 2U);
  inbox.put(*edge, counted(2, {}), blocked);
  EXPECT_EQ(inbox.stats().at(0).events_lost, 2U) << "it has none";
  expect_books(inbox.stats());
}

// Sends a random stream through a random edge to a consumer that takes at random times in random ways.
void run_random(unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](unsigned bound) { return random() % bound; };
  const Queue queues[] = {kLatest,    kNext,
                          {4},        {3, WhenFull::DropNewest},
                          kRecording, {.depth = 6, .when_full = WhenFull::DropOldest, .max_seconds = 0.2}};
  const Queue queue = queues[below(std::size(queues))];
  const bool aged = below(2) == 0;
  OneEdge one(queue, aged ? std::optional(0.15) : std::nullopt);
  int next_event = 0;
  AnySample sample;
  std::vector<AnySample> samples;
  for (std::int64_t seq = 0; seq < 400; ++seq) {
    Events events;
    for (auto n = below(8) == 0 ? 1 + below(3) : 0; n > 0; --n) events.push_back(next_event++);
    if (queue.depth == 0) one.inbox.arm(below(3) == 0);
    one.put(counted(seq, std::move(events), one.clock->now()));
    one.clock->advance(Seconds{0.01 * static_cast<double>(below(10))});
    if (below(4) != 0) continue;
    const auto way = below(3);
    if (way == 0 && one.inbox.take(sample, kWithoutWait) == Taken::Sample) one.consumer.see(sample);
    if (way == 1 && queue.depth > 0 && one.inbox.take(sample, kWithoutWait, Pick::kNewest) == Taken::Sample)
      one.consumer.see(sample);
    std::optional<TimePoint> until;
    if (way == 2 && one.inbox.take_batch(samples, Batch{3, 0}, until, kWithoutWait) == Taken::Sample) {
      for (const auto& each : samples) one.consumer.see(each);
    }
    if (below(50) == 0) one.take_all();
  }
  one.inbox.end_edge(*one.edge);
  one.take_all();
  EXPECT_TRUE(has_ended(one.inbox));
  ASSERT_EQ(one.consumer.events.size(), static_cast<std::size_t>(next_event))
      << seed << " " << to_string(queue);
  for (int i = 0; i < next_event; ++i) ASSERT_EQ(one.consumer.events[static_cast<std::size_t>(i)], i) << seed;
}

TEST(Events, OfRandomStreamsThroughEveryPolicyComeOnceAndInOrder) {
  for (unsigned seed = 0; seed < 600; ++seed) run_random(seed);
}

TEST(Events, ArriveAtASlowNodeBesideAProducerOnAnotherThread) {
  constexpr int kSamples = kSanitized ? 4000 : 40000;
  for (const Queue queue : {kLatest, kNext, Queue{8, WhenFull::DropNewest}}) {
    Inbox inbox("webhook", Clock::real());
    const auto edge = inbox.add_edge({0, "counter", queue, {}});
    Consumer consumer;
    {
      const std::jthread producer([&] {
        std::atomic<bool> blocked{false};
        for (int i = 0; i < kSamples; ++i)
          inbox.put(*edge, counted(i, i % 7 == 0 ? Events{i / 7} : Events{}), blocked);
        inbox.end_edge(*edge);
      });
      AnySample sample;
      while (inbox.take(sample, TimePoint::max()) == Taken::Sample) consumer.see(sample);
    }
    expect_books(inbox.stats());
    ASSERT_EQ(consumer.events.size(), static_cast<std::size_t>((kSamples + 6) / 7));
    for (std::size_t i = 0; i < consumer.events.size(); ++i)
      ASSERT_EQ(consumer.events[i], static_cast<int>(i));
  }
}

}  // namespace
}  // namespace freshframe::test
