// Counters of a join, and the times that it compares.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/join_sets.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

// Results of one sample follow each other within its number: a double holds both for 2^33 samples.
constexpr int kMostParts = 1 << 20;

bool has_own_clock(const Utc& utc) noexcept {
  return utc.from == UtcFrom::Camera || utc.from == UtcFrom::Device;
}

}  // namespace

double time_of(const Stamp& stamp, JoinBy by) noexcept {
  switch (by) {
    case JoinBy::Captured:
      return Seconds(stamp.captured.time_since_epoch()).count();
    case JoinBy::Pts:
      return stamp.pts;
    case JoinBy::Seq:
      return static_cast<double>(stamp.seq) + std::min(stamp.part, kMostParts - 1) / double{kMostParts};
    case JoinBy::Utc:
      return stamp.utc.seconds;
  }
  return 0;
}

bool has_time(const Stamp& stamp, const JoinRules& rules) noexcept {
  if (rules.by != JoinBy::Utc) return true;
  return has_own_clock(stamp.utc) && static_cast<double>(stamp.utc.error) <= rules.within;
}

std::string why_no_clock(const std::string& parent, const Utc& utc, const JoinRules& rules) {
  if (has_own_clock(utc)) {
    return "the wall time of '" + parent + "' is known to " + seconds_text(static_cast<double>(utc.error)) +
           ", which is more than within=" + seconds_text(rules.within);
  }
  return "'" + parent + "' has no wall clock of its own (utc_from is " + std::string(to_string(utc.from)) +
         "): join by captured";
}

void JoinSets::count(const Joiner::Decision& set) {
  const bool is_whole = joiner.is_whole(set);
  ++(is_whole ? whole : partial);
  if (is_whole) {
    fruitless_since.reset();
    overflowed.assign(overflowed.size(), false);
  }
  if (rules.by != JoinBy::Seq) spread.add(set.spread, set.at);
  waited.add(set.waited.count(), set.at);
}

// Only where a longer queue would help: all parents send, and their times differ by less than the wait.
std::string JoinSets::too_short() const {
  const double wait = rules.wait.value_or(0);
  for (std::size_t i = 1; i < edges.size(); ++i) {
    const auto nearest = joiner.nearest(i);
    if (!nearest || (rules.by != JoinBy::Seq && std::abs(*nearest) > wait)) return {};
  }
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto interval = joiner.mean_interval(i);
    if (!overflowed[i] || interval <= 0 || wait <= interval) continue;
    const auto& options = edges[i]->options;
    if (options.queue.depth >= wait / interval) continue;
    return "the queue of '" + options.parent_name +
           "' is full before its samples have waited for wait=" + seconds_text(wait) +
           ", so that they go before their partners come: give the join queue=Queue(" +
           std::to_string(std::lround(std::ceil(wait / interval)) + 1) + "), which keeps so many samples";
  }
  return {};
}

// A width in milliseconds that was meant as seconds, mostly: then each sample fits to each.
std::string JoinSets::too_wide() {
  constexpr std::uint64_t kKnown = 16;  // sets
  constexpr double kMostIntervals = 4;
  if (whole < kKnown) return {};
  width_known = true;
  if (rules.by == JoinBy::Seq) return {};
  double longest = 0;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (!edges[i]->options.by_pts.empty()) return {};  // files come as fast as they are read
    longest = std::max(longest, joiner.mean_interval(i));
  }
  if (longest <= 0 || rules.within <= kMostIntervals * longest) return {};
  return "within=" + seconds_text(rules.within) + " is longer than " +
         std::to_string(std::lround(std::floor(rules.within / longest))) +
         " intervals of every parent, so samples of other times are joined as well: it is in seconds, and best " +
         "below half an interval, " + seconds_text(longest / 2);
}

JoinStats JoinSets::stats(const std::vector<std::string>& names, Span span, TimePoint now) const {
  JoinStats result;
  result.by = rules.by;
  result.sets = whole;
  result.partial = partial;
  const auto widths = spread.quantiles(span, now);
  result.spread_p50 = widths.p50;
  result.spread_p99 = widths.p99;
  const auto waits = waited.quantiles(span, now);
  result.wait_p50 = waits.p50;
  result.wait_p99 = waits.p99;
  for (std::size_t i = 0; i < names.size(); ++i) {
    JoinParentStats parent{.parent = names[i]};
    if (i > 0) parent.nearest = joiner.nearest(i);
    result.parents.push_back(std::move(parent));
  }
  return result;
}

}  // namespace freshframe::core
