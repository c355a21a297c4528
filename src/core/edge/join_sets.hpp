// What an inbox with a join keeps beside its lanes: the decisions, the sets that wait for the consumer, the
// counters.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/join.hpp"
#include "freshframe/join_node.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/stats.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/edge/edge.hpp"
#include "core/join/joiner.hpp"

namespace freshframe::core {

/// The options of a join as its graph has resolved them.
struct JoinRules {
  JoinBy by = JoinBy::Captured;
  double within = 0;                // 0 with JoinBy::Seq
  std::optional<double> wait = {};  // seconds; nullopt: without limit
  bool partial = false;
};

/// The time of a sample by which a join compares: with JoinBy::Seq its number, and its part behind the point.
[[nodiscard]] double time_of(const Stamp& stamp, JoinBy by) noexcept;

/// Whether it has that time: a wall time that is good enough.
[[nodiscard]] bool has_time(const Stamp& stamp, const JoinRules& rules) noexcept;
/// Why it has not, for a message.
[[nodiscard]] std::string why_no_clock(const std::string& parent, const Utc& utc, const JoinRules& rules);

/// Guarded by the inbox's mutex.
struct JoinSets {
  struct Set {
    std::vector<std::optional<AnySample>> parts;
    std::array<std::uint64_t, kMostJoined> arrivals{};  // of each part, its number on its lane
    TimePoint decided{};
  };

  JoinSets(JoinRules with, Joiner::Options options)
      : rules(with),
        joiner(std::move(options)),
        without_clock(joiner.parents()),
        overflowed(joiner.parents()) {}

  /// The statistics, with `names` of the parents.
  [[nodiscard]] JoinStats stats(const std::vector<std::string>& names, Span span, TimePoint now) const;
  void count(const Joiner::Decision& set);
  /// As JoinStats::trouble, when a parent or the join itself ends. The first one stays.
  void keep_trouble(std::string trouble) {
    if (last_trouble.empty()) last_trouble = std::move(trouble);
  }
  /// The queue that is full before the end of the wait, and what to do; empty: there is none.
  [[nodiscard]] std::string too_short() const;
  /// Once: `within` is much longer than the parents' intervals; empty: it is not, or that is not known yet.
  [[nodiscard]] std::string too_wide();

  const JoinRules rules;
  Joiner joiner;
  std::vector<EdgeRef> edges;  // of the parents
  std::deque<Set> ready;       // that wait for the consumer
  std::uint64_t whole = 0;
  std::uint64_t partial = 0;
  Timings spread;
  Timings waited;
  std::vector<std::optional<Utc>> without_clock;  // of each parent: of its last sample, if that had no clock
  std::optional<TimePoint> fruitless_since;       // there was no whole set since then
  std::vector<bool> overflowed;                   // of each parent: its queue was full since then
  bool reported = false;                          // that there is none
  bool width_known = false;                       // whether `within` is too long was looked at
  std::string last_trouble;                       // at the end, as JoinStats::trouble
};

}  // namespace freshframe::core
