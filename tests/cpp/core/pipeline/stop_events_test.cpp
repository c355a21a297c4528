// Events at a stop: they reach the nodes downstream, unless delivering them would delay the stop for too
// long.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/heard_log.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

struct Alarms {
  std::vector<int> numbers;

  [[nodiscard]] bool has_events() const noexcept { return !numbers.empty(); }
  void absorb(std::span<const Alarms* const> older) {
    std::vector<int> all;
    for (const auto* each : older) all.insert(all.end(), each->numbers.begin(), each->numbers.end());
    all.insert(all.end(), numbers.begin(), numbers.end());
    numbers = std::move(all);
  }
};

std::uint64_t events_lost(const Pipeline& pipeline, const std::string& child) {
  std::uint64_t lost = 0;
  for (const auto& edge : pipeline.stats().edges) lost += edge.child == child ? edge.events_lost : 0;
  return lost;
}

// A webhook whose calls take 4.5 s. The stop is requested 1 s before the end of its first call, while two
// alarms wait.
struct SlowWebhook {
  explicit SlowWebhook(Seconds time_of_stop) {
    CheckedPipeline pipeline(clock);
    pipeline.add(make_node<Alarms, Nothing>([&](const Sample<Alarms>& sample, const Context& context) {
                   seen.insert(seen.end(), sample.value.numbers.begin(), sample.value.numbers.end());
                   ++calls;
                   if (calls == 1) stop = context.stop;
                   gate.pass(context);
                   return std::optional<Nothing>();
                 }),
                 pipeline.add(feed_source(feed, Kind::Live)), {.name = "webhook", .queue = Queue{4}});
    pipeline.start();
    feed.push({{1}});
    gate.wait_entered(1);
    feed.push_and_settle({{2}});
    feed.push_and_settle({{3}});
    clock->advance(Seconds{3.5});
    const auto ends_call = [&] {
      wait_until([&] { return stop.stop_requested(); });  // the queue is closed by then
      clock->advance(Seconds{1});
      gate.open();
    };
    {
      const std::jthread end(ends_call);
      EXPECT_NO_THROW(pipeline.stop(time_of_stop));
    }
    lost = events_lost(pipeline, "webhook");
  }

  std::shared_ptr<SimulatedClock> clock = std::make_shared<SimulatedClock>();
  Feed<Alarms> feed;
  Gate gate{/*heeds_stop=*/false};
  std::stop_token stop;  // written before the gate, read after it
  int calls = 0;         // written by the node's thread, which stop() joins
  std::vector<int> seen;
  std::uint64_t lost = 0;
  HeardLog log;
};

TEST(StopEvents, AreLostAndCountedIfACallForThemWouldLastLongerThanTheStop) {
  const SlowWebhook at(Seconds{5});
  EXPECT_EQ(at.calls, 1);
  EXPECT_EQ(at.seen, std::vector<int>{1});
  EXPECT_EQ(at.lost, 2U);
  EXPECT_EQ(at.log.count(LogLevel::Warning, "'webhook' was too slow to receive the events of"), 1);
  EXPECT_EQ(at.log.count(LogLevel::Warning, "'webhook' was too slow to receive the events of 2 samples"), 1);
}

TEST(StopEvents, ReachASlowNodeIfTheStopHasTheTime) {
  const SlowWebhook at(Seconds{60});
  EXPECT_EQ(at.calls, 2);
  EXPECT_EQ(at.seen, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(at.lost, 0U);
  EXPECT_EQ(at.log.count(LogLevel::Warning, "'webhook' was too slow to receive the events of"), 0);
}

// The counter delivers each sample first to the slow node, which is full, and then to the fast one.
TEST(StopEvents, ReachTheNodeBehindAFullEdgeOfTheirSample) {
  for (int round = 0; round < 20; ++round) {
    Feed<Alarms> feed;
    Gate gate(/*heeds_stop=*/false);
    std::vector<int> slow;
    std::vector<int> fast;
    std::atomic<int> fast_calls{0};
    CheckedPipeline pipeline;
    const auto counter = pipeline.add(pass_on<Alarms>(), pipeline.add(feed_source(feed, Kind::Live)),
                                      {.name = "counter", .queue = Queue{8}});
    pipeline.add(make_node<Alarms, Nothing>([&](const Sample<Alarms>& sample, const Context& context) {
                   slow.insert(slow.end(), sample.value.numbers.begin(), sample.value.numbers.end());
                   gate.pass(context);
                   return std::optional<Nothing>();
                 }),
                 counter, {.name = "slow", .queue = Queue{1, WhenFull::Block}});
    pipeline.add(make_node<Alarms, Nothing>([&](const Sample<Alarms>& sample, const Context&) {
                   fast.insert(fast.end(), sample.value.numbers.begin(), sample.value.numbers.end());
                   ++fast_calls;
                   return std::optional<Nothing>();
                 }),
                 counter, {.name = "fast"});
    pipeline.start();
    feed.push({{1}});
    gate.wait_entered(1);
    wait_until([&] { return fast_calls == 1; });
    feed.push({{2}});
    wait_until([&] { return fast_calls == 2; });
    feed.push({{3}});
    wait_until([&] { return node_of(pipeline, "counter").state == NodeState::Blocked; });
    {
      const std::jthread end([&] {
        wait_until([&] { return node_of(pipeline, "counter").state == NodeState::Ended; });
        gate.open();
      });
      pipeline.stop(Seconds{60});
    }
    EXPECT_EQ(fast, (std::vector<int>{1, 2, 3}));
    EXPECT_EQ(slow, (std::vector<int>{1, 2, 3}));
  }
}

}  // namespace
}  // namespace freshframe::test
