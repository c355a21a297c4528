// Counters of a join, and the times that it compares.
// SPDX-License-Identifier: Apache-2.0
#include "core/join/join_sets.hpp"

#include <string>

#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

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
      return static_cast<double>(stamp.seq);
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
  if (is_whole) fruitless_since.reset();
  if (rules.by != JoinBy::Seq) spread.add(set.spread, set.at);
  waited.add(set.waited.count(), set.at);
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
