// The rules of the join by their corners. rules.py has the same rows for its specification of them.
// SPDX-License-Identifier: Apache-2.0
#include "core/join/joiner.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <deque>
#include <limits>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using core::Joiner;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

TimePoint at(double seconds) {
  return TimePoint{} + to_duration(Seconds(seconds));
}

struct Rules {
  std::size_t parents = 2;
  double within = 0.01;
  std::optional<double> wait = 0.1;
  bool partial = false;
  int depth = 32;
};

/// A joiner with the samples that it decides about, each known by its time.
class Trial {
 public:
  struct Set {
    double at = 0;
    double waited = 0;
    std::vector<double> times;  // kMissing: none of this parent
  };
  struct Counts {
    int put = 0, joined = 0, unmatched = 0, late = 0, full = 0;
  };

  explicit Trial(const Rules& rules)
      : counts(rules.parents),
        joiner_({.within = rules.within,
                 .wait = rules.wait ? std::optional(Seconds(*rules.wait)) : std::nullopt,
                 .partial = rules.partial,
                 .rooms = std::vector<Joiner::Room>(rules.parents, {rules.depth, rules.wait.has_value()})}),
        waiting_(rules.parents) {}

  Trial& put(std::size_t parent, double time, double now) {
    ++counts[parent].put;
    waiting_[parent].push_back(time);
    joiner_.put(parent, time, at(now));
    apply();
    return *this;
  }
  Trial& end(std::size_t parent, double now) {
    joiner_.end(parent, at(now));
    apply();
    return *this;
  }
  Trial& advance(double now) {
    joiner_.advance(at(now));
    apply();
    return *this;
  }
  /// After a long time no sample waits, and the counters balance.
  Trial& finish() {
    advance(1e6);
    EXPECT_EQ(waiting(), 0U);
    for (const auto& each : counts) {
      EXPECT_EQ(each.put, each.joined + each.unmatched + each.late + each.full);
    }
    return *this;
  }
  [[nodiscard]] std::size_t waiting() const {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      EXPECT_EQ(waiting_[i].size(), joiner_.waiting(i));
      sum += waiting_[i].size();
    }
    return sum;
  }
  [[nodiscard]] std::vector<std::vector<double>> times() const {
    std::vector<std::vector<double>> result;
    for (const auto& set : sets) result.push_back(set.times);
    return result;
  }
  [[nodiscard]] const Joiner& joiner() const { return joiner_; }

  std::vector<Set> sets;
  std::vector<Counts> counts;

 private:
  double pop(std::size_t parent) {
    const double time = waiting_[parent].front();
    waiting_[parent].pop_front();
    return time;
  }
  void apply() {
    for (const auto& decision : joiner_.decisions()) {
      if (decision.members == 0) {
        pop(decision.parent);
        auto& of = counts[decision.parent];
        ++(decision.cause == DropCause::Late        ? of.late
           : decision.cause == DropCause::Unmatched ? of.unmatched
                                                    : of.full);
        continue;
      }
      Set set{Seconds(decision.at.time_since_epoch()).count(), decision.waited.count(), {}};
      for (std::size_t i = 0; i < waiting_.size(); ++i) {
        const bool member = (decision.members >> i & 1U) != 0;
        set.times.push_back(member ? pop(i) : kMissing);
        if (member) ++counts[i].joined;
      }
      sets.push_back(std::move(set));
    }
    joiner_.clear_decisions();
  }

  Joiner joiner_;
  std::vector<std::deque<double>> waiting_;
};

using Times = std::vector<std::vector<double>>;

/// As equality of two lists of sets, with kMissing equal to itself.
void expect_sets(const Trial& trial, const Times& wanted) {
  const auto given = trial.times();
  ASSERT_EQ(given.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_EQ(given[i].size(), wanted[i].size());
    for (std::size_t k = 0; k < wanted[i].size(); ++k) {
      EXPECT_EQ(std::isnan(given[i][k]), std::isnan(wanted[i][k]));
      if (!std::isnan(wanted[i][k])) {
        EXPECT_EQ(given[i][k], wanted[i][k]);
      }
    }
  }
}

TEST(Joiner, EqualTimesAreASet) {
  Trial trial({.parents = 3});
  trial.put(0, 1, 1).put(1, 1, 1).put(2, 1, 1).finish();
  expect_sets(trial, {{1, 1, 1}});
}

TEST(Joiner, WithinIsInclusiveAndCountsBetweenAllMembers) {
  Trial inside({.parents = 3});
  inside.put(0, 1, 1).put(1, 1.005, 1).put(2, 0.995, 1).finish();
  expect_sets(inside, {{1, 1.005, 0.995}});
  Trial outside({.parents = 3});
  outside.put(0, 1, 1).put(1, 1.006, 1).put(2, 0.995, 1).finish();
  expect_sets(outside, {});
}

TEST(Joiner, WithinIsInclusiveWhereTheDifferenceOfTwoDoublesIsNot) {
  Trial trial({.within = 0.1, .wait = 1});
  trial.put(0, 0.3, 1).put(1, 0.4, 1);  // 0.4 - 0.3 is 0.10000000000000003
  expect_sets(trial, {{0.3, 0.4}});
}

TEST(Joiner, OfTwoEquallyNearSamplesTheEarlierIsTakenAtOnce) {
  Trial trial({});
  trial.put(1, 0.995, 1).put(0, 1, 1.01).put(1, 1.005, 1.02).finish();
  expect_sets(trial, {{1, 0.995}});
  EXPECT_DOUBLE_EQ(trial.sets[0].at, 1.01);
}

TEST(Joiner, OfSamplesThatWaitTheNearestIsTaken) {
  Trial trial({.within = 0.02});
  trial.put(1, 0.985, 1).put(1, 0.99, 1.001).put(1, 0.999, 1.002).put(1, 1.01, 1.003).put(0, 1, 1.01);
  expect_sets(trial, {{1, 0.999}});
  EXPECT_EQ(trial.counts[1].unmatched, 2);
  EXPECT_EQ(trial.waiting(), 1U);
}

TEST(Joiner, TheWaitCountsFromTheFirstArrivalWhateverItsTime) {
  Trial trial({.wait = 0.05});
  trial.put(1, 1, 10).advance(10.049);
  EXPECT_EQ(trial.waiting(), 1U);
  trial.advance(10.051);
  EXPECT_EQ(trial.waiting(), 0U);
  EXPECT_EQ(trial.counts[1].unmatched, 1);
  trial.put(0, 1, 10.06).finish();
  EXPECT_EQ(trial.counts[0].unmatched, 1);
  expect_sets(trial, {});
}

TEST(Joiner, ASampleWhoseReferenceHasGoneIsLate) {
  Trial trial({.wait = 0.05});
  trial.put(0, 1, 10).put(1, 1, 10.2).finish();
  EXPECT_EQ(trial.counts[0].unmatched, 1);
  EXPECT_EQ(trial.counts[1].late, 1);
}

TEST(Joiner, ASampleThatIsLateForOneReferenceMayBeInTimeForTheNext) {
  Trial trial({.within = 0.02, .wait = 0.05});
  trial.put(0, 1, 10).put(1, 1.015, 10.06).put(0, 1.033, 10.07).finish();
  expect_sets(trial, {{1.033, 1.015}});
}

TEST(Joiner, APartialSetHasItsReferenceAlways) {
  Trial trial({.wait = 0.05, .partial = true});
  trial.put(1, 1, 10).put(0, 2, 10.01).finish();
  expect_sets(trial, {{2, kMissing}});
  EXPECT_EQ(trial.counts[1].unmatched, 1);
}

TEST(Joiner, APartialSetIsDecidedAtItsFirstMembersTime) {
  Trial trial({.parents = 3, .wait = 0.05, .partial = true});
  trial.put(1, 1, 10).put(0, 1, 10.04).advance(10.051);
  expect_sets(trial, {{1, 1, kMissing}});
  EXPECT_NEAR(trial.sets.at(0).at, 10.05, 1e-9);
}

TEST(Joiner, AfterTheEndOfAParentNoSampleWaits) {
  for (const bool partial : {false, true}) {
    Trial trial({.wait = 5, .partial = partial});
    trial.end(1, 9).put(0, 1, 10);
    EXPECT_EQ(trial.waiting(), 0U);
    EXPECT_EQ(trial.sets.size(), partial ? 1U : 0U);
  }
}

TEST(Joiner, ASilentParentIsWaitedForOnlyAtFirst) {
  Trial trial({.partial = true});
  for (int k = 0; k < 60; ++k) {
    const double time = k / 30.0;
    trial.put(0, time, time + 0.01);
    if (k < 20) trial.put(1, time, time + 0.012);
  }
  trial.finish();
  ASSERT_EQ(trial.sets.size(), 60U);
  for (std::size_t k = 0; k < 60; ++k) EXPECT_LE(trial.sets[k].waited, k < 30 ? 0.1 + 1e-9 : 0.0);
}

TEST(Joiner, ASilentParentIsBackWithItsNextSample) {
  Trial trial({.partial = true});
  for (int k = 0; k < 90; ++k) {
    const double time = k / 30.0;
    trial.put(0, time, time + 0.01);
    if (k < 20 || k >= 60) trial.put(1, time, time + 0.012);
  }
  trial.finish();
  EXPECT_EQ(trial.counts[0].joined, 90);
  EXPECT_GE(trial.counts[1].joined, 49);
}

TEST(Joiner, ClocksThatAreSetBackTogetherLoseNothing) {
  Trial trial({});
  for (int k = 0; k < 60; ++k) {
    const double time = 5000 + k / 30.0 - (k < 30 ? 0 : 3600);
    trial.put(0, time, k / 30.0).put(1, time, k / 30.0 + 0.005);
  }
  trial.finish();
  EXPECT_EQ(trial.sets.size(), 60U);
}

TEST(Joiner, AClockThatIsSetBackAloneHealsAfterwards) {
  Trial trial({});
  for (int k = 0; k < 90; ++k) {
    const double off = k >= 30 && k < 60 ? -3600 : 0;
    trial.put(0, 5000 + k / 30.0 + off, k / 30.0).put(1, 5000 + k / 30.0, k / 30.0 + 0.005);
    if (k == 59) {
      ASSERT_TRUE(trial.joiner().nearest(1));
      EXPECT_NEAR(*trial.joiner().nearest(1), 3600, 60);
    }
  }
  trial.finish();
  EXPECT_GE(trial.sets.size(), 58U);
  EXPECT_LE(trial.sets.size(), 60U);
}

TEST(Joiner, ParentsThatBeginAgainWithZeroLoseNothing) {
  Trial trial({});
  for (int round = 0; round < 3; ++round) {
    for (int k = 0; k < 30; ++k) {
      const double now = round * 2 + k / 30.0;
      trial.put(0, k / 30.0, now).put(1, k / 30.0, now + 0.005);
    }
  }
  trial.finish();
  EXPECT_EQ(trial.sets.size(), 90U);
}

TEST(Joiner, AQueueOfOneBeforeItFindsHardlyASet) {
  for (const auto& [depth, least, most] : {std::tuple{1, 0U, 1U}, std::tuple{32, 298U, 300U}}) {
    Trial trial({.wait = 0.2, .depth = depth});
    int left = 0;
    int right = 0;
    while (left < 300 || right < 300) {
      if (right == 300 || (left < 300 && left / 30.0 <= right / 30.0 + 0.06)) {
        trial.put(0, left / 30.0, left / 30.0);
        ++left;
      } else {
        trial.put(1, right / 30.0, right / 30.0 + 0.06);
        ++right;
      }
    }
    trial.finish();
    EXPECT_GE(trial.sets.size(), least);
    EXPECT_LE(trial.sets.size(), most);
  }
}

TEST(Joiner, LossesBeforeItLeaveTheInstantsThatAreComplete) {
  std::mt19937 random(3);  // NOLINT(bugprone-random-generator-seed): the same numbers in every run
  std::bernoulli_distribution lost(0.2);
  Trial trial({});
  std::size_t complete = 0;
  for (int k = 0; k < 3000; ++k) {
    const bool left = !lost(random);
    const bool right = !lost(random);
    if (left) trial.put(0, k / 30.0, k / 30.0 + 0.01);
    if (right) trial.put(1, k / 30.0, k / 30.0 + 0.02);
    if (left && right) ++complete;
  }
  trial.finish();
  EXPECT_EQ(trial.sets.size(), complete);
}

TEST(Joiner, TheSlowerParentGivesTheNumberOfSets) {
  for (const auto& [reference, other] : {std::pair{10, 30}, std::pair{30, 10}}) {
    Trial trial({.within = 0.0168});
    std::set<std::tuple<double, int, double>> events;
    for (int k = 0; k < reference * 10; ++k) {
      const double time = static_cast<double>(k) / reference;
      events.insert({time + 0.01, 0, time});
    }
    for (int k = 0; k < other * 10; ++k) {
      const double time = static_cast<double>(k) / other;
      events.insert({time + 0.012, 1, time + 0.004});
    }
    for (const auto& [now, parent, time] : events) trial.put(static_cast<std::size_t>(parent), time, now);
    trial.finish();
    EXPECT_EQ(trial.sets.size(), 100U);
  }
}

TEST(Joiner, ABranchThatFiltersFillsTheQueueOfTheOther) {
  Trial trial({.within = 0, .wait = std::nullopt, .depth = 8});
  for (int k = 0; k < 8; ++k) trial.put(0, k, k);
  EXPECT_EQ(trial.waiting(), 8U);
  EXPECT_FALSE(trial.joiner().next_time());
  trial.put(1, 7, 8);
  expect_sets(trial, {{7, 7}});
}

// Two producers whose order of arrival differs from run to run, each with a queue of 8 that makes it wait.
Times sets_of_files(unsigned seed, bool partial) {
  constexpr std::size_t kParents = 3;
  constexpr std::array kRates = {25.0, 200.0, 30.0};
  constexpr std::array kCounts = {100, 790, 110};
  Trial trial({.parents = kParents, .within = 0.02, .wait = std::nullopt, .partial = partial, .depth = 8});
  std::mt19937 random(seed);
  std::array<int, kParents> given{};
  std::array<bool, kParents> ended{};
  double now = 0;
  for (std::size_t live = kParents; live > 0;) {
    const auto parent = random() % kParents;
    now += 0.001;
    if (ended[parent]) continue;
    if (given[parent] == kCounts[parent]) {
      trial.end(parent, now);
      ended[parent] = true;
      --live;
    } else if (trial.joiner().waiting(parent) < 8) {
      trial.put(parent, given[parent]++ / kRates[parent] + static_cast<double>(parent) * 0.001, now);
    }
  }
  EXPECT_EQ(trial.waiting(), 0U);
  return trial.times();
}

TEST(Joiner, BelowFilesTheSetsDoNotDependOnTheOrderOfArrival) {
  for (const bool partial : {false, true}) {
    const auto first = sets_of_files(1, partial);
    EXPECT_GE(first.size(), 75U);
    for (unsigned seed = 2; seed < 40; ++seed) {
      const auto again = sets_of_files(seed, partial);
      ASSERT_EQ(again.size(), first.size());
      for (std::size_t i = 0; i < first.size(); ++i) {
        for (std::size_t k = 0; k < first[i].size(); ++k) {
          ASSERT_EQ(std::isnan(again[i][k]), std::isnan(first[i][k])) << "seed " << seed << ", set " << i;
          if (!std::isnan(first[i][k])) {
            ASSERT_EQ(again[i][k], first[i][k]);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace freshframe::test
