// A joiner with its samples, for the tests of its rules.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <deque>
#include <limits>
#include <optional>
#include <vector>

#include "core/join/joiner.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

inline TimePoint joiner_time(double seconds) {
  return TimePoint{} + to_duration(Seconds(seconds));
}

struct TrialRules {
  std::size_t parents = 2;
  double within = 0.01;
  std::optional<double> wait = 0.1;
  bool partial = false;
  int depth = 32;
};

/// A joiner with the samples that it decides about, each identified by its timestamp.
class Trial {
 public:
  struct Set {
    double at = 0;
    double waited = 0;
    std::vector<double> times;  // kMissing: no sample of this parent
  };
  struct Counts {
    int put = 0, joined = 0, unmatched = 0, late = 0, full = 0;
  };

  explicit Trial(const TrialRules& rules)
      : counts(rules.parents),
        joiner_(
            {.within = rules.within,
             .wait = rules.wait ? std::optional(Seconds(*rules.wait)) : std::nullopt,
             .partial = rules.partial,
             .rooms = std::vector<core::Joiner::Room>(rules.parents, {rules.depth, rules.wait.has_value()})}),
        waiting_(rules.parents) {}

  Trial& put(std::size_t parent, double time, double now) {
    ++counts[parent].put;
    waiting_[parent].push_back(time);
    joiner_.put(parent, time, joiner_time(now));
    apply();
    return *this;
  }
  Trial& end(std::size_t parent, double now) {
    joiner_.end_parent(parent, joiner_time(now));
    apply();
    return *this;
  }
  Trial& advance(double now) {
    joiner_.advance(joiner_time(now));
    apply();
    return *this;
  }
  /// After a long time no sample is waiting, and the counters balance.
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
  [[nodiscard]] const core::Joiner& joiner() const { return joiner_; }

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

  core::Joiner joiner_;
  std::vector<std::deque<double>> waiting_;
};

using Times = std::vector<std::vector<double>>;

/// Compares two lists of sets. kMissing equals itself.
inline void expect_sets(const Times& given, const Times& wanted) {
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

inline void expect_sets(const Trial& trial, const Times& wanted) {
  expect_sets(trial.times(), wanted);
}

}  // namespace freshframe::test
