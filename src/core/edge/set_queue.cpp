// Turning samples into sets, and explaining why there are none.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/set_queue.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

// The results of one sample are ordered by part, as fractions of its number. A double can represent both for
// 2^33 samples.
constexpr int kMostParts = 1 << 20;
constexpr std::chrono::seconds kUntilFruitless{10};

bool holds(const Lane& lane, int source) noexcept {
  for (std::size_t i = 0; i < lane.size; ++i) {
    const auto place = (lane.head + i) % lane.ring.size();
    if (lane.ring[place].sample.stamp.source == source) return true;
  }
  return false;
}

bool has_own_clock(const Utc& utc) noexcept {
  return utc.from == UtcFrom::Camera || utc.from == UtcFrom::Device || utc.from == UtcFrom::Browser;
}

Joiner::Options make_options(const JoinRules& rules, const std::vector<EdgeRef>& edges) {
  Joiner::Options options{.within = rules.within,
                          .wait = rules.wait ? std::optional(Seconds(*rules.wait)) : std::nullopt,
                          .partial = rules.partial};
  for (const auto& edge : edges) {
    edge->part = options.rooms.size();
    const auto& queue = edge->options.queue;
    options.rooms.push_back({.depth = queue.depth, .drops_oldest = queue.when_full == WhenFull::DropOldest});
  }
  return options;
}

}  // namespace

double load_time(const Stamp& stamp, JoinBy by) noexcept {
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
    return "the wall time of '" + parent + "' is known only to within " +
           seconds_text(static_cast<double>(utc.error)) +
           ", which is more than within=" + seconds_text(rules.within);
  }
  return "'" + parent + "' has no wall clock of its own (utc_from is " + std::string(to_string(utc.from)) +
         "): join by captured";
}

SetQueue::SetQueue(const JoinRules& rules, Lanes& lanes, WayOut& way_out, const EndOfStop& stop,
                   const Clock& clock)
    : rules_(rules),
      lanes_(lanes),
      way_out_(way_out),
      stop_(stop),
      clock_(clock),
      edges_(lanes.edges()),
      joiner_(make_options(rules, edges_)),
      current_(edges_.size()),
      without_clock_(edges_.size()),
      overflowed_(edges_.size()) {}

bool SetQueue::put(Lane& lane, AnySample&& sample, Aftermath& after, std::optional<std::string>& warning) {
  if (!admit(lane, sample, after)) return false;
  const auto now = clock_.now();
  if (follow_source(*lane.edge, sample.stamp.source, now)) {
    lane.drop(DropCause::Unmatched);
    lane.kept.keep(lane.counts.passed_in, sample);
    joiner_.advance(now);
  } else if (take_clock(lane, sample)) {
    const double time = load_time(sample.stamp, rules_.by);
    lanes_.push(lane, std::move(sample));
    joiner_.put(lane.edge->part, time, now);
  } else {
    joiner_.advance(now);
  }
  const bool made = apply_decisions(after);
  if (!fruitless_since_) fruitless_since_ = now;
  std::string text;
  if (!reported_) text = fruitless(now);
  reported_ = reported_ || !text.empty();
  if (text.empty() && !width_known_) text = too_wide();
  if (!text.empty()) warning = std::move(text);
  return made;
}

bool SetQueue::admit(Lane& lane, AnySample& sample, Aftermath& after) {
  ++lane.counts.passed_in;
  if (stop_.closed || lane.edge->closing) {
    lane.drop(stop_.closed ? stop_.cause : DropCause::Removed);
    lane.kept.lose(sample);
    return false;
  }
  while (lane.full() && lane.queue.when_full == WhenFull::DropOldest && !ready_.empty()) {
    drop_oldest(DropCause::QueueFull, after);
  }
  if (lane.full() && lane.queue.when_full == WhenFull::DropNewest) {
    lane.drop(DropCause::QueueFull);
    lane.kept.keep(lane.counts.passed_in, sample);
    return false;
  }
  return true;
}

bool SetQueue::take_clock(Lane& lane, AnySample& sample) {
  auto& without = without_clock_[lane.edge->part];
  without.reset();
  if (has_time(sample.stamp, rules_)) return true;
  without = sample.stamp.utc;
  lane.drop(DropCause::NoClock);
  lane.kept.keep(lane.counts.passed_in, sample);
  return false;
}

bool SetQueue::follow_source(const Edge& edge, int source, TimePoint now) {
  auto& current = current_[rules_.one_source ? 0 : edge.part];
  const auto feed = std::ranges::find(edge.feeds, source, &Feed::source);
  const Change begun = feed != edge.feeds.end() ? feed->begun : 0;
  const bool is_first = current.source < 0;
  if (source != current.source && !is_first) {
    if (begun < current.begun) return true;
    if (rules_.one_source) joiner_.restart(now);
  }
  current = {source, source == current.source ? std::max(begun, current.begun) : begun};
  return false;
}

bool SetQueue::apply_decisions(Aftermath& after) {
  bool made = false;
  for (const auto& decision : joiner_.decisions()) {
    if (decision.members != 0) {
      made = true;
      make_set(decision);
      continue;
    }
    Lane& lane = find_lane(decision.parent);
    if (decision.cause == DropCause::QueueFull) overflowed_[decision.parent] = true;
    after.dropped_samples().push_back(lanes_.evict(lane, decision.cause));
    after.give_room(lane);
  }
  joiner_.clear_decisions();
  drop_old(after);
  return made;
}

void SetQueue::make_set(const Joiner::Decision& decision) {
  count(decision);
  Set set;
  set.decided = decision.at;
  set.parts.resize(edges_.size());
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    if ((decision.members >> i & 1U) == 0) continue;
    Lane& lane = find_lane(i);
    set.arrivals[i] = lane.ring[lane.head].arrival;
    lanes_.pop(lane, set.parts[i].emplace());
    ++lane.in_sets;
  }
  ready_.push_back(std::move(set));
}

void SetQueue::count(const Joiner::Decision& set) {
  const bool is_whole = joiner_.is_whole(set);
  ++(is_whole ? whole_ : partial_);
  if (is_whole) {
    fruitless_since_.reset();
    overflowed_.assign(overflowed_.size(), false);
  }
  if (rules_.by != JoinBy::Seq) spread_.add(set.spread, set.at);
  waited_.add(set.waited.count(), set.at);
}

void SetQueue::drop_old(Aftermath& after) {
  if (ready_.size() < 2 || !rules_.wait || edges_.front()->options.queue.when_full != WhenFull::DropOldest)
    return;
  const auto oldest = clock_.now() - to_duration(Seconds(*rules_.wait));
  while (ready_.size() > 1 && ready_.front().decided < oldest) drop_oldest(DropCause::QueueFull, after);
}

void SetQueue::drop_oldest(DropCause cause, Aftermath& after) {
  auto set = std::move(ready_.front());
  ready_.pop_front();
  for (std::size_t i = 0; i < set.parts.size(); ++i) drop_part(set, i, cause, after);
}

void SetQueue::drop_part(Set& set, std::size_t part, DropCause cause, Aftermath& after) {
  auto& sample = set.parts[part];
  if (!sample) return;
  Lane& lane = find_lane(part);
  --lane.in_sets;
  lane.drop(cause);
  lane.kept.keep(set.arrivals[part], *sample);
  after.dropped_samples().push_back(*std::exchange(sample, std::nullopt));
  after.give_room(lane);
}

void SetQueue::drop_at_stop(bool sets_too, Aftermath& after) {
  keep_trouble();
  joiner_.clear();
  for (Lane* const lane : lanes_.all()) {
    while (lane->size > 0) after.dropped_samples().push_back(lanes_.evict(*lane, stop_.cause));
  }
  while (sets_too && !ready_.empty()) drop_oldest(stop_.cause, after);
}

void SetQueue::end_edge(const Edge& edge, Aftermath& after) {
  if (stop_.closed) return;
  if (!edge.is_fed()) {
    keep_trouble();
    joiner_.end_parent(edge.part, clock_.now());
    apply_decisions(after);
  }
  leaves_ = true;
  retire();
}

void SetQueue::begin_edge(const Edge& edge) {
  if (!edge.is_fed()) return;
  last_trouble_.clear();
  joiner_.begin_parent(edge.part);
}

bool SetQueue::waits(int source) const {
  const auto is_of = [source](const auto& part) { return part && part->stamp.source == source; };
  return std::ranges::any_of(edges_, [&](const auto& edge) { return holds(*edge->lanes.front(), source); }) ||
         std::ranges::any_of(ready_, [&](const Set& set) { return std::ranges::any_of(set.parts, is_of); });
}

void SetQueue::retire() {
  if (!std::exchange(leaves_, false) || stop_.closed) return;
  std::map<int, Change> ended;  // for each ended source, the change up to which its end applies
  std::set<int> staying;
  for (const auto& edge : edges_) {
    for (const auto& feed : edge->feeds) {
      auto& upto = ended[feed.source];
      upto = std::max(upto, feed.reached);
      if (!feed.ended) staying.insert(feed.source);
    }
  }
  for (const auto& [source, upto] : ended) {
    if (staying.contains(source)) continue;
    if (waits(source)) {
      leaves_ = true;
      continue;
    }
    for (const auto& edge : edges_) {
      std::erase_if(edge->feeds, [of = source](const Feed& each) { return each.source == of; });
    }
    lanes_.add_gone({source, upto});
  }
}

void SetQueue::forget(const Edge& edge, Aftermath& after) {
  joiner_.forget(edge.part);
  if (!rules_.partial || edge.part == 0) {
    while (!ready_.empty()) drop_oldest(DropCause::Removed, after);
    return;
  }
  for (auto& set : ready_) drop_part(set, edge.part, DropCause::Removed, after);
}

bool SetQueue::take(bool newest, Delivery& out) {
  if (!stop_.closed && ready_.empty()) {
    joiner_.advance(clock_.now());
    apply_decisions(out);
  }
  drop_old(out);
  retire();
  while (!ready_.empty()) {
    if (newest && ready_.size() > 1) {
      drop_oldest(DropCause::Skipped, out);
    } else if (way_out_.is_stale(find_lane(0), *ready_.front().parts.front())) {
      drop_oldest(DropCause::Stale, out);
    } else {
      deliver_oldest(out);
      return true;
    }
  }
  if (lanes_.all_ended(stop_.closed)) {
    for (Lane* const lane : lanes_.all())
      lane->kept.lose_all(out.dropped_samples());  // no later set can absorb these events
  }
  return false;
}

void SetQueue::deliver_oldest(Delivery& out) {
  auto set = std::move(ready_.front());
  ready_.pop_front();
  for (std::size_t i = 0; i < set.parts.size(); ++i) {
    if (!set.parts[i]) continue;
    Lane& lane = find_lane(i);
    --lane.in_sets;
    way_out_.deliver(lane, *set.parts[i], set.arrivals[i], out);
    out.give_room(lane);
  }
  out.more().parts = std::move(set.parts);
}

AnySample join_parts(Delivery& out, TimePoint at) {
  auto& parts = out.more().parts;
  std::size_t place = 0;
  for (auto& part : parts) {
    if (part) out.complete(place++, *part, at);
  }
  const auto& reference = *parts.front();
  AnySample sample{reference.stamp, reference.frame, {}, reference.dropped, reference.node};
  sample.value = ValueRef::make<Joined>(Joined{std::move(parts)});
  return sample;
}

TimePoint SetQueue::next_look() const {
  if (!rules_.wait || stop_.closed) return TimePoint::max();
  const auto soon = clock_.now() + to_duration(Seconds(*rules_.wait));
  return std::min(soon, joiner_.next_time().value_or(soon));
}

std::optional<Seconds> SetQueue::look_within() const {
  if (!rules_.partial || !rules_.wait || stop_.closed) return std::nullopt;
  return Seconds(next_look() - clock_.now());
}

void SetQueue::keep_trouble() {
  if (last_trouble_.empty()) last_trouble_ = fruitless(clock_.now());
}

// Describes a parent that sends nothing, or returns an empty string if it does send.
std::string SetQueue::describe_silence(std::size_t parent, TimePoint now) const {
  const auto& edge = *edges_[parent];
  if (edge.ended && edge.options.only_source >= 0)
    return "'" + get_name(parent) + "' has no more samples of '" + edge.options.only +
           "', which was disconnected or has ended";
  const auto last = joiner_.last_arrival(parent);
  if (!last) return "'" + get_name(parent) + "' sends nothing";
  if (now - *last < kUntilFruitless) return {};
  const auto seconds = std::lround(Seconds(now - *last).count());
  return "'" + get_name(parent) + "' has sent nothing for " + std::to_string(seconds) + " s";
}

// Describes how far a parent's samples are from the reference's, or returns an empty string if they are close
// enough or that is unknown.
std::string SetQueue::describe_distance(std::size_t parent) const {
  const auto nearest = joiner_.nearest(parent);
  if (!nearest || std::abs(*nearest) <= rules_.within) return {};
  const auto whose =
      "relative to those of '" + get_name(0) + "', the nearest samples of '" + get_name(parent) + "' ";
  const bool is_time = rules_.by != JoinBy::Seq;
  const auto numbers = std::llround(std::abs(*nearest));
  if (!is_time && numbers == 0) return whose + "have another part number";
  return whose + "are " + (is_time ? seconds_text(std::abs(*nearest)) : std::to_string(numbers)) +
         (*nearest > 0 ? " later" : " earlier");
}

// Without this message, a join whose parents never match would look like a hang.
std::string SetQueue::fruitless(TimePoint now) const {
  if (!rules_.wait || !fruitless_since_ || now - *fruitless_since_ < kUntilFruitless) return {};
  const auto since = std::lround(Seconds(now - *fruitless_since_).count());
  const auto text =
      "no complete set for " + std::to_string(since) + " s by " + std::string(to_string(rules_.by)) + ": ";
  std::string far;
  const auto add = [&](const std::string& what) {
    if (!what.empty()) far += (far.empty() ? "" : ", ") + what;
  };
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    if (without_clock_[i]) add(why_no_clock(get_name(i), *without_clock_[i], rules_));
  }
  if (!far.empty()) return text + far;
  if (const auto full = too_short(); !full.empty()) return text + full;
  add(describe_silence(0, now));
  const bool has_reference = far.empty();  // without samples of the reference, there are no distances
  if (!has_reference && rules_.partial) far += ", and the first parent sets the pace, even with partial=True";
  for (std::size_t i = 1; i < edges_.size(); ++i) {
    const auto silence = describe_silence(i, now);
    add(silence);
    if (silence.empty() && has_reference) add(describe_distance(i));
  }
  if (far.empty()) return {};
  return text + far;
}

// Only where a longer queue would help: all parents send, and their times differ by less than the wait.
std::string SetQueue::too_short() const {
  const double wait = rules_.wait.value_or(0);
  for (std::size_t i = 1; i < edges_.size(); ++i) {
    const auto nearest = joiner_.nearest(i);
    if (!nearest || (rules_.by != JoinBy::Seq && std::abs(*nearest) > wait)) return {};
  }
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    const auto interval = joiner_.mean_interval(i);
    if (!overflowed_[i] || interval <= 0 || wait <= interval) continue;
    const auto& options = edges_[i]->options;
    if (options.queue.depth >= wait / interval) continue;
    return "the queue of '" + options.parent_name +
           "' is full before its samples have waited for max_wait=" + seconds_text(wait) +
           ", so that they are dropped before their partners arrive: give the join queue=Queue(" +
           std::to_string(std::lround(std::ceil(wait / interval)) + 1) + "), which keeps enough samples";
  }
  return {};
}

// Usually `within` was meant in milliseconds, and now every sample matches every other.
std::string SetQueue::too_wide() {
  constexpr std::uint64_t kKnown = 16;  // sets
  constexpr double kMostIntervals = 4;
  if (whole_ < kKnown) return {};
  width_known_ = true;
  if (rules_.by == JoinBy::Seq) return {};
  double longest = 0;
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    if (!edges_[i]->options.by_pts.empty()) return {};  // files arrive as fast as they are read
    longest = std::max(longest, joiner_.mean_interval(i));
  }
  if (longest <= 0 || rules_.within <= kMostIntervals * longest) return {};
  return "within=" + seconds_text(rules_.within) + " is longer than " +
         std::to_string(std::lround(std::floor(rules_.within / longest))) +
         " intervals of every parent, so samples of other times are joined as well: set it, in seconds, to " +
         "less than half an interval, " + seconds_text(longest / 2);
}

JoinStats SetQueue::stats(Span span) const {
  const auto now = clock_.now();
  JoinStats result;
  result.by = rules_.by;
  result.sets = whole_;
  result.partial = partial_;
  const auto widths = spread_.quantiles(span, now);
  result.spread_p50 = widths.p50;
  result.spread_p99 = widths.p99;
  const auto waits = waited_.quantiles(span, now);
  result.wait_p50 = waits.p50;
  result.wait_p99 = waits.p99;
  result.reason = stop_.closed || lanes_.all_ended(stop_.closed) ? last_trouble_ : fruitless(now);
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    JoinParentStats parent{.parent = get_name(i)};
    if (i > 0) parent.nearest = joiner_.nearest(i);
    const auto& drops = find_lane(i).counts.drops;
    parent.unmatched = drops[static_cast<std::size_t>(DropCause::Unmatched)];
    parent.late = drops[static_cast<std::size_t>(DropCause::Late)];
    result.parents.push_back(std::move(parent));
  }
  return result;
}

std::optional<StarvedJoin> SetQueue::find_starved() const {
  if (stop_.closed || !ready_.empty()) return std::nullopt;
  const Edge* full = nullptr;
  const Edge* empty = nullptr;
  for (const auto& edge : edges_) {
    const Lane& lane = *edge->lanes.front();
    if (lane.queue.blocks() && lane.full()) full = edge.get();
    if (lane.size == 0 && !lane.ended) empty = edge.get();
  }
  if (full == nullptr || empty == nullptr) return std::nullopt;
  return StarvedJoin{full->options.parent_name, empty->options.parent_name};
}

}  // namespace freshframe::core
