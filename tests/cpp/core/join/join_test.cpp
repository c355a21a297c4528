// Joins in an inbox: sets and the samples that wait, queues, ends, stops, counters.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/heard_log.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using core::Closing;
using core::Inbox;
using core::JoinRules;
using core::Taken;

/// An inbox with a join of two parents, by pts, and its clock.
class TwoCameras {
 public:
  explicit TwoCameras(const JoinRules& rules, Queue queue = kJoining,
                      std::shared_ptr<const Clock> of_inbox = nullptr, int limited = -1)
      : clock(std::make_shared<SimulatedClock>()), inbox("pair", of_inbox ? std::move(of_inbox) : clock) {
    for (const int parent : {0, 1}) {
      core::EdgeSetup options{.parent_name = parent == 0 ? "left" : "right", .queue = queue, .joined = true};
      if (parent == limited) {  // to one source
        options.only = "old";
        options.only_source = parent;
      }
      edges.push_back(inbox.add_edge(std::move(options)));
    }
    inbox.expect_join();
    inbox.join(rules);
  }
  TwoCameras(const TwoCameras&) = delete;
  TwoCameras& operator=(const TwoCameras&) = delete;
  ~TwoCameras() { expect_books(inbox.stats()); }

  TwoCameras& put(int parent, double time) { return put(parent, time, blocked); }
  TwoCameras& put(int parent, double time, std::atomic<bool>& waits) {
    AnySample sample;
    sample.stamp.pts = time;
    sample.stamp.captured = clock->now();
    sample.stamp.source = parent;
    sample.value = ValueRef::make<int>(parent);
    inbox.put(edge(parent), std::move(sample), waits);
    return *this;
  }
  /// The timestamps of the next set; empty if there is none.
  std::vector<double> take() {
    AnySample sample;
    if (inbox.take(sample, core::kWithoutWait) != Taken::Sample) return {};
    std::vector<double> times;
    for (const auto& part : sample.value.as<Joined>()->members) times.push_back(part ? part->stamp.pts : -1);
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
  ASSERT_EQ(cameras.inbox.take(sample, core::kWithoutWait), Taken::Sample);
  EXPECT_EQ(sample.stamp.pts, 1);
  EXPECT_EQ(sample.stamp.source, 0);
  const auto& parts = sample.value.as<Joined>()->members;
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
  const auto join = join_stats(cameras.inbox, Span::WholeRun);
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
  ASSERT_EQ(cameras.inbox.take(sample, core::kWithoutWait, core::Pick::kNewest), Taken::Sample);
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
    EXPECT_FALSE(sample.value.as<Joined>()->members[1]);
  });
  cameras.clock->wait_for_sleepers(1);
  cameras.clock->advance(Seconds{0.02});
  cameras.put(0, 1);
  cameras.clock->advance(Seconds{0.03});  // time that passes while the consumer already waits
  cameras.clock->wait_for_sleepers(1);
  cameras.clock->advance(Seconds{0.02});
  consumer.join();
  ASSERT_TRUE(at);
  EXPECT_NEAR(*at, 0.07, 1e-9);
}

TEST(Join, AConsumerOutsideKnowsWhenToLookForAPartialSet) {
  const TwoCameras whole(kByPts);
  EXPECT_FALSE(look_within(whole.inbox));
  TwoCameras cameras({.by = JoinBy::Pts, .within = 0.01, .wait = 0.05, .partial = true});
  EXPECT_NEAR(look_within(cameras.inbox)->count(), 0.05, 1e-9);
  cameras.put(0, 1);
  cameras.clock->advance(Seconds{0.02});
  EXPECT_NEAR(look_within(cameras.inbox)->count(), 0.03, 1e-9);
}

TEST(Join, WhenAllParentsHaveEndedTheSetsThatWaitAreTaken) {
  TwoCameras cameras(kByPts);
  cameras.put(0, 1).put(1, 1).put(0, 2);
  cameras.inbox.end_edge(cameras.edge(0));
  cameras.inbox.end_edge(cameras.edge(1));
  EXPECT_FALSE(has_ended(cameras.inbox));
  EXPECT_FALSE(cameras.take().empty());
  AnySample sample;
  EXPECT_EQ(cameras.inbox.take(sample, TimePoint::max()), Taken::Ended);
  EXPECT_TRUE(has_ended(cameras.inbox));
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

TEST(Join, APartialSetThatWaitsOnlyLosesThePartOfARemovedParent) {
  TwoCameras cameras({.by = JoinBy::Pts, .within = 0.01, .wait = 0.05, .partial = true});
  cameras.put(0, 1).put(1, 1).put(0, 2);
  const auto last = cameras.inbox.remove_edge(cameras.edges[1]);
  EXPECT_EQ(drops_of(last, DropCause::Removed), 1U);
  EXPECT_EQ(cameras.take(), (std::vector{1.0, -1.0}));
  EXPECT_EQ(cameras.take(), (std::vector{2.0, -1.0}));
  cameras.put(0, 3);
  EXPECT_EQ(cameras.take(), (std::vector{3.0, -1.0}));
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
  cameras.inbox.close(Closing::ForNew, cameras.clock->now() + to_duration(Seconds{2}));
  EXPECT_FALSE(cameras.take().empty());
  AnySample sample;
  EXPECT_EQ(cameras.inbox.take(sample, TimePoint::max()), Taken::Ended);
}

TEST(Join, ADroppingQueueIsBoundedBySetsAndSamplesTogether) {
  TwoCameras oldest({.by = JoinBy::Pts, .within = 0.01, .wait = 100}, Queue{4});
  TwoCameras newest({.by = JoinBy::Pts, .within = 0.01, .wait = 100}, Queue{4, WhenFull::DropNewest});
  for (auto* cameras : {&oldest, &newest}) {
    const HeardLog log;
    for (int k = 0; k < 6; ++k) cameras->put(0, k).put(1, k);
    const bool by_choice = cameras == &oldest;  // a consumer of the newest set needs no warning
    EXPECT_EQ(log.count(LogLevel::Info, "dropped its first sample"), by_choice ? 2 : 0);
    EXPECT_EQ(log.count(LogLevel::Warning, "dropped its first sample"), by_choice ? 0 : 2);
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

TEST(Join, ASetOfProducersThatWaitedForRoomWakesItsConsumer) {
  TwoCameras cameras({.by = JoinBy::Pts, .within = 0.01}, Queue{1, WhenFull::Block});
  cameras.put(0, 0).put(1, 0);
  std::array<std::atomic<bool>, 2> waits{};
  {
    std::vector<std::jthread> producers;
    for (int parent = 0; parent < 2; ++parent) {
      producers.emplace_back(
          [&, parent] { cameras.put(parent, 1, waits.at(static_cast<std::size_t>(parent))); });
    }
    for (const auto& each : waits) wait_until([&] { return each.load(); });
    std::atomic<int> calls{0};
    cameras.inbox.set_ready_hook([&] { ++calls; });
    EXPECT_EQ(cameras.take(), (std::vector{0.0, 0.0}));
    producers.clear();
    EXPECT_EQ(calls, 1);
    cameras.inbox.set_ready_hook({});
  }
  EXPECT_EQ(cameras.take(), (std::vector{1.0, 1.0}));
}

TEST(Join, AProducerOnAnEdgeThatClosesWakesTheConsumerThatMayHaveWaitedForIt) {
  TwoCameras cameras({.by = JoinBy::Pts, .within = 0.01}, Queue{1, WhenFull::Block});
  cameras.put(0, 0);
  std::jthread producer([&] { cameras.put(0, 1); });
  wait_until([&] { return cameras.blocked.load(); });
  std::atomic<int> calls{0};
  cameras.inbox.set_ready_hook([&] { ++calls; });
  cameras.inbox.close_edge(cameras.edge(0));
  producer.join();
  EXPECT_EQ(calls, 1);
  cameras.inbox.set_ready_hook({});
}

// take(TimePoint::max()) never polls, so a lost wake-up would hang this test.
TEST(Join, AConsumerThatWaitsWithoutLimitGetsEverySetOfProducersThatWaitForRoom) {
  constexpr int kSets = 3000;
  TwoCameras cameras({.by = JoinBy::Pts, .within = 0.001}, Queue{1, WhenFull::Block}, Clock::real());
  std::vector<std::jthread> producers;
  std::array<std::atomic<bool>, 2> waits{};
  for (int parent = 0; parent < 2; ++parent) {
    producers.emplace_back([&, parent] {
      for (int k = 0; k < kSets; ++k)
        cameras.put(parent, k / 100.0, waits.at(static_cast<std::size_t>(parent)));
      cameras.inbox.end_edge(cameras.edge(parent));
    });
  }
  std::atomic<int> taken{0};
  const std::jthread consumer([&] {
    AnySample set;
    while (cameras.inbox.take(set, TimePoint::max()) == Taken::Sample) ++taken;
  });
  int seen = 0;
  for (int unchanged = 0; unchanged < 1000 && seen < kSets; ++unchanged) {  // ten seconds without a set
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (const int now = taken; now != seen) {
      seen = now;
      unchanged = 0;
    }
  }
  cameras.inbox.close();
  EXPECT_EQ(seen, kSets) << "the consumer stood still";
}

TEST(Join, NoSetForTenSecondsIsTroubleWithTheDistance) {
  TwoCameras cameras(kByPts);
  for (int k = 0; k < 400; ++k) {
    cameras.put(0, k * 0.033).put(1, k * 0.033 + 3612);
    cameras.clock->advance(Seconds{0.033});
  }
  const auto join = *join_stats(cameras.inbox, Span::WholeRun);
  EXPECT_EQ(join.sets, 0U);
  EXPECT_TRUE(contains(join.reason, "no complete set for 13 s by pts")) << join.reason;
  EXPECT_TRUE(contains(join.reason, "'right' are 3612 s later") || contains(join.reason, "'right' are 3611"))
      << join.reason;
  ASSERT_TRUE(join.parents[1].nearest);
  EXPECT_NEAR(*join.parents[1].nearest, 3612, 1);
}

TEST(Join, OnlyAParentWhoseSamplesDoNotComeIsSaidToSendNothing) {
  for (const int sends : {0, 1}) {
    const std::string ill = sends == 0 ? "right" : "left";
    TwoCameras never(kByPts);
    TwoCameras once(kByPts);
    once.put(1 - sends, 0);
    for (int k = 0; k < 400; ++k) {
      for (auto* cameras : {&never, &once}) {
        cameras->put(sends, 1 + k * 0.033);
        cameras->clock->advance(Seconds{0.033});
      }
    }
    EXPECT_EQ(join_stats(never.inbox, Span::WholeRun)->reason,
              "no complete set for 13 s by pts: '" + ill + "' sends nothing");
    EXPECT_EQ(join_stats(once.inbox, Span::WholeRun)->reason,
              "no complete set for 13 s by pts: '" + ill + "' has sent nothing for 13 s");
  }
}

TEST(Join, AParentOfOneSourceGoesOnWhenThatSourceComesAgain) {
  for (const int ill : {0, 1}) {
    TwoCameras cameras(kByPts, kJoining, nullptr, ill);
    auto& edge = cameras.edge(ill);
    cameras.inbox.add_source(edge, {.source = ill});
    cameras.put(0, 1).put(1, 1);
    EXPECT_EQ(cameras.take(), (std::vector{1.0, 1.0}));
    cameras.inbox.end_edge(edge, ill, 0);
    for (int k = 0; k < 400; ++k) {
      cameras.put(1 - ill, 2 + k * 0.033);
      cameras.clock->advance(Seconds{0.033});
    }
    const auto trouble = join_stats(cameras.inbox, Span::WholeRun)->reason;
    EXPECT_TRUE(contains(trouble, "' has no more samples of 'old', which was disconnected or has ended"))
        << trouble;
    cameras.inbox.add_source(edge, {.source = ill, .begun = 1, .reached = 1});
    cameras.put(0, 30).put(1, 30);
    EXPECT_EQ(cameras.take(), (std::vector{30.0, 30.0}));
    EXPECT_EQ(join_stats(cameras.inbox, Span::WholeRun)->reason, "");
  }
}

TEST(Join, AQueueThatIsTooShortForTheWaitIsTroubleWithTheDepthThatIsLongEnough) {
  TwoCameras cameras({.by = JoinBy::Pts, .within = 0.01, .wait = 2}, Queue{8, WhenFull::DropOldest});
  for (int k = 0; k < 400; ++k) {
    cameras.put(0, k * 0.033);
    if (k >= 20) cameras.put(1, (k - 20) * 0.033);  // the link takes 0.66 s
    cameras.clock->advance(Seconds{0.033});
  }
  const auto join = *join_stats(cameras.inbox, Span::WholeRun);
  EXPECT_EQ(join.sets, 0U);
  EXPECT_TRUE(
      contains(join.reason, "the queue of 'left' is full before its samples have waited for max_wait=2 s"))
      << join.reason;
  EXPECT_TRUE(contains(join.reason, "queue=Queue(62)")) << join.reason;
  EXPECT_FALSE(contains(join.reason, "sends nothing")) << join.reason;
  cameras.inbox.close();
  EXPECT_EQ(join_stats(cameras.inbox, Span::WholeRun)->reason, join.reason) << "it is gone after the end";
}

TEST(Join, AParentThatSendsNothingIsTheTroubleAlsoWhereTheQueueOfTheOtherIsFull) {
  TwoCameras cameras({.by = JoinBy::Pts, .within = 0.01, .wait = 2}, Queue{8, WhenFull::DropOldest});
  for (int k = 0; k < 400; ++k) {
    cameras.put(0, k * 0.033);
    cameras.clock->advance(Seconds{0.033});
  }
  const auto join = *join_stats(cameras.inbox, Span::WholeRun);
  EXPECT_TRUE(contains(join.reason, "'right' sends nothing")) << join.reason;
}

TEST(Join, AWidthOfManyIntervalsIsSaidOnce) {
  const auto logged = [](double within) {
    std::string lines;
    set_log_sink([&](LogLevel /*level*/, std::string_view line) { lines += line; });
    TwoCameras cameras({.by = JoinBy::Pts, .within = within, .wait = 50});
    for (int k = 0; k < 100; ++k) {
      cameras.put(0, k * 0.033).put(1, k * 0.033);
      cameras.clock->advance(Seconds{0.033});
      static_cast<void>(cameras.take());
    }
    set_log_sink({});
    return lines;
  };
  EXPECT_EQ(logged(0.1), "");
  const auto wide = logged(8);
  EXPECT_TRUE(contains(wide, "within=8 s is longer than 242 intervals of every parent")) << wide;
  EXPECT_EQ(wide.find("within="), wide.rfind("within=")) << wide;
}

TEST(Join, BySeqResultsOfOneSampleArePairedByTheirPart) {
  Stamp first{.seq = 7};
  Stamp second{.seq = 7};
  second.part = 1;
  Stamp next{.seq = 8};
  using core::load_time;
  EXPECT_LT(load_time(first, JoinBy::Seq), load_time(second, JoinBy::Seq) - 1e-7);
  second.part = std::numeric_limits<int>::max();
  EXPECT_LT(load_time(second, JoinBy::Seq), load_time(next, JoinBy::Seq) - 1e-7);
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
  const auto trouble = join_stats(cameras.inbox, Span::WholeRun)->reason;
  EXPECT_TRUE(
      contains(trouble, "'right' has no wall clock of its own (utc_from is arrival): join by captured"))
      << trouble;
}

}  // namespace
}  // namespace freshframe::test
