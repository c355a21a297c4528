// The parts of a runner, without a thread or a pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/edge/inbox.hpp"
#include "core/pipeline/runner/intake.hpp"
#include "core/pipeline/runner/node_errors.hpp"
#include "core/pipeline/runner/node_life.hpp"
#include "core/pipeline/runner/node_meter.hpp"
#include "core/pipeline/runner/node_place.hpp"
#include "core/pipeline/runner/node_stream.hpp"
#include "core/pipeline/runner/successor.hpp"
#include "cpp/core/pipeline/clocked.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using namespace std::chrono_literals;
using core::Intake;
using Turn = Intake::Turn;

// The intake of a node with a tick each second, and one edge.
struct Taking {
  Taking() { intake.begin_stream(clock->now(), false); }
  void put(std::int64_t seq) {
    inbox.put(*edge, {{seq, 0, clock->now(), 0}, {}, ValueRef::make<int>(static_cast<int>(seq)), 0}, blocked);
  }
  Turn take() { return intake.take(sample, clock->now()); }

  const std::shared_ptr<SimulatedClock> clock = std::make_shared<SimulatedClock>();
  std::stop_source stop;
  const core::NodeFacts facts{1, "node", *clocked(), {}};
  core::Inbox inbox{"node", clock};
  const std::shared_ptr<core::Edge> edge =
      inbox.add_edge({.parent_name = "camera", .queue = Queue{8, WhenFull::Block}});
  std::atomic<bool> blocked{false};
  Intake intake{facts, inbox, *clock, stop.get_token()};
  AnySample sample;
};

TEST(Intake, AWaitingSampleIsNextAfterATick) {
  Taking at;
  at.put(0);
  at.put(1);
  at.clock->advance(1s);
  EXPECT_EQ(at.take(), Turn::Tick);
  at.clock->advance(1s);  // the tick took longer than its period
  EXPECT_EQ(at.take(), Turn::Sample);
  EXPECT_EQ(at.sample.stamp.seq, 0);
  EXPECT_EQ(at.take(), Turn::Tick);
  EXPECT_EQ(at.take(), Turn::Sample);
  EXPECT_EQ(at.intake.ticks_called(), 2U);
  EXPECT_EQ(at.take(), Turn::Idle);
}

TEST(Intake, NewsBetweenATickAndItsSampleLeavesTheSampleNext) {
  Taking at;
  at.clock->advance(1s);
  EXPECT_EQ(at.take(), Turn::Tick);
  at.clock->advance(1s);
  at.inbox.wake();
  EXPECT_EQ(at.take(), Turn::News);
  (void)at.inbox.take_gone();
  at.put(0);
  EXPECT_EQ(at.take(), Turn::Sample) << "the next tick is due, too";
}

TEST(Intake, AStopEndsTheTicksAndAHostHearsOfNewsOnce) {
  Taking at;
  at.intake.keep_for_host(false);
  EXPECT_FALSE(at.intake.has_host_news()) << "no host has asked";
  at.intake.return_news(true);
  at.intake.keep_for_host(false);
  EXPECT_EQ(at.take(), Turn::HostNews);
  at.clock->advance(1s);
  at.stop.request_stop();
  EXPECT_EQ(at.intake.next_wake(), TimePoint::max());
  EXPECT_FALSE(at.intake.take_tick());
  EXPECT_EQ(at.take(), Turn::Idle);
}

TEST(NodePlace, ASuccessorIsTakenOnceAndNotWithdrawnThen) {
  const auto clock = Clock::real();
  const auto run = [&] {
    return std::make_shared<core::NodeRun>(clocked(), "node", clock, std::stop_token());
  };
  const auto first = run();
  core::NodePlace place(first);
  const auto successor = std::make_shared<core::Successor>();
  EXPECT_EQ(place.offer(successor), first);
  EXPECT_TRUE(place.withdraw(*successor));
  EXPECT_EQ(place.take_successor(), nullptr) << "it was withdrawn";
  EXPECT_EQ(place.offer(successor), first);
  EXPECT_EQ(place.take_successor(), successor);
  EXPECT_FALSE(place.withdraw(*successor));
  const auto second = run();
  EXPECT_EQ(place.put(second), first);
  EXPECT_EQ(place.node().get(), &second->node());
  EXPECT_EQ(&place.own_node(), &second->node());
  EXPECT_EQ(place.close(), nullptr);
  EXPECT_EQ(place.offer(successor), nullptr) << "the node has ended";
}

TEST(NodeStream, ASourceThatFollowsAnotherContinuesItsNumbersAndTimes) {
  const SimulatedClock clock;
  const core::NodeFacts facts{0, "camera", *clocked(), {}};
  core::NodeStream stream(facts, clock);
  const auto item_at = [](double pts, std::int64_t seq) {
    SourceItem<Emitted> item;
    item.pts = pts;
    item.seq = seq;
    return item;
  };
  for (const int i : {0, 1, 2}) {
    const auto item = item_at(0.5 * i, i);
    EXPECT_EQ(stream.take_seq(item), i);
    stream.note(item, clock.now());
  }
  EXPECT_THROW(stream.check_seq(item_at(2, 2)), Error);
  stream.begin_later();
  auto next = item_at(100, 0);
  EXPECT_FALSE(stream.continue_with(next, false));
  EXPECT_EQ(next.seq, 3);
  EXPECT_DOUBLE_EQ(next.pts, 1.5);
  stream.check_seq(next);
}

TEST(NodeErrors, TheLogHasTheFirstWithItsTracebackAndThenALineAMinute) {
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  SimulatedClock clock;
  const std::string name = "node";
  core::NodeErrors errors(name, clock);
  for (int i = 0; i < 5; ++i) {
    errors.count("bad value");
    errors.log_skipped("failed", 1, "traceback", "its reason");
    clock.advance(20s);
  }
  errors.log_unlogged();
  set_log_sink({});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_NE(lines[0].find("traceback"), std::string::npos);
  EXPECT_NE(lines[0].find("(its reason: the node continues)"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("failed on 3 more samples"), std::string::npos) << lines[1];
  EXPECT_NE(lines[2].find("failed on 1 more samples"), std::string::npos) << lines[2];
  EXPECT_EQ(errors.total(), 5U);
}

TEST(NodeMeter, ASilenceIsInNoRate) {
  const auto clock = std::make_shared<SimulatedClock>();
  clock->advance(100s);
  const core::Inbox inbox("node", clock);
  core::NodeMeter meter(*clock, inbox, false, 0);
  const auto rate_after = [&](int samples) {
    for (int i = 0; i < samples; ++i) {
      meter.count_rate(clock->now());
      clock->advance(0.1s);
    }
    return meter.rate(clock->now());
  };
  EXPECT_NEAR(rate_after(30), 10, 1);
  clock->advance(60s);
  EXPECT_EQ(meter.rate(clock->now()), 0);
  EXPECT_NEAR(rate_after(6), 10, 2);
}

}  // namespace
}  // namespace freshframe::test
