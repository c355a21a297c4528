// The consumer's side of an inbox with a join: how its lanes' samples become sets, and taking a set.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "core/edge/inbox.hpp"
#include "core/edge/lock_soon.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

constexpr std::chrono::seconds kUntilFruitless{10};

// What is said of a parent whose samples do not come; empty: they do.
std::string silence_of(const Joiner& joiner, std::size_t parent, const std::string& name, TimePoint now) {
  const auto last = joiner.last_arrival(parent);
  if (!last) return "'" + name + "' sends nothing";
  if (now - *last < kUntilFruitless) return {};
  const auto seconds = std::lround(Seconds(now - *last).count());
  return "'" + name + "' has sent nothing for " + std::to_string(seconds) + " s";
}

// How far the samples of a parent are from those of the reference; empty: not too far, or nothing is known.
std::string distance_of(const JoinSets& sets, std::size_t parent) {
  const auto nearest = sets.joiner.nearest(parent);
  if (!nearest || std::abs(*nearest) <= sets.rules.within) return {};
  const auto whose = "the nearest samples of '" + sets.edges[parent]->options.parent_name + "' ";
  const bool is_time = sets.rules.by != JoinBy::Seq;
  const auto numbers = std::llround(std::abs(*nearest));
  if (!is_time && numbers == 0) return whose + "have other parts";
  return whose + "are " + (is_time ? seconds_text(std::abs(*nearest)) : std::to_string(numbers)) +
         (*nearest > 0 ? " later" : " earlier");
}

}  // namespace

// Note [Sets]
// The joiner decides when a sample arrives, and sets wait in JoinSets::ready. A part of one still counts as
// waiting on its edge, and takes up room there (Lane::in_sets), until the consumer takes the set. A consumer
// that is too slow finds the sets of the last `wait` seconds, and the newest one in any case. So `wait` bounds
// the age of sets, too. The older ones are dropped as `queue_full`. A blocking queue drops none.
//
// No timer is needed for the end of a sample's wait. A consumer that waits looks again after `wait` seconds at
// the latest, which is before the end of each sample that arrives meanwhile.

void Inbox::join(const JoinRules& rules) {
  Joiner::Options options{.within = rules.within,
                          .wait = rules.wait ? std::optional(Seconds(*rules.wait)) : std::nullopt,
                          .partial = rules.partial};
  change(Tells::WaitingThreads,
         [&]() FRESHFRAME_REQUIRES(mutex_) {  // from now on its consumer looks at the times
           for (const auto& edge : lanes_.edges()) {
             edge->part = options.rooms.size();
             const auto& queue = edge->options.queue;
             options.rooms.push_back(
                 {.depth = queue.depth, .drops_oldest = queue.when_full == WhenFull::DropOldest});
           }
           sets_ = std::make_unique<JoinSets>(rules, std::move(options));
           sets_->edges = lanes_.edges();
           return true;
         });
}

bool Inbox::admit_part_locked(Lane& lane, AnySample& sample, std::vector<AnySample>& dropped,
                              std::atomic<bool>& blocked) {
  if (lane.queue.blocks()) {
    wait_for_room_locked(lane, blocked, nullptr);
    if (lane.edge->gone) return false;  // counted by remove_edge()
  }
  ++lane.counts.passed_in;
  if (stop_.closed || lane.edge->closing) {
    lane.drop(stop_.closed ? DropCause::Stop : DropCause::Removed);
    lane.kept.lose(sample);
    return false;
  }
  while (lane.full() && lane.queue.when_full == WhenFull::DropOldest && !sets_->ready.empty()) {
    drop_set_locked(DropCause::QueueFull, dropped);
  }
  if (lane.full() && lane.queue.when_full == WhenFull::DropNewest) {
    lane.drop(DropCause::QueueFull);
    lane.kept.keep(lane.counts.passed_in, sample);
    return false;
  }
  return true;
}

bool Inbox::take_clock_locked(Lane& lane, AnySample& sample) {
  auto& without = sets_->without_clock[lane.edge->part];
  without.reset();
  if (has_time(sample.stamp, sets_->rules)) return true;
  without = sample.stamp.utc;
  lane.drop(DropCause::NoClock);
  lane.kept.keep(lane.counts.passed_in, sample);
  return false;
}

void Inbox::put_part(Edge& edge, AnySample&& sample, std::atomic<bool>& blocked) {
  bool wake = false;
  std::shared_ptr<const std::function<void()>> hook;
  std::vector<AnySample> dropped;  // destroyed without the mutex
  std::string report;
  bool first_drop = false;
  {
    lock_soon(mutex_);
    const Lock lock(mutex_, std::adopt_lock);
    if (edge.gone) return;
    Lane& lane = *edge.lanes.front();
    bool news = false;  // for the consumer
    if (admit_part_locked(lane, sample, dropped, blocked)) {
      const auto now = clock_->now();
      if (take_clock_locked(lane, sample)) {
        const double time = time_of(sample.stamp, sets_->rules.by);
        lanes_.push(lane, std::move(sample));
        sets_->joiner.put(edge.part, time, now);
      } else {
        sets_->joiner.advance(now);
      }
      news = apply_decisions_locked(dropped);
      if (!sets_->fruitless_since) sets_->fruitless_since = now;
      if (!sets_->reported) report = fruitless_locked(now);
      if (!report.empty()) sets_->reported = true;
      if (report.empty() && !sets_->width_known) report = sets_->too_wide();
    }
    first_drop = !edge.reported && lane.counts.drops[static_cast<std::size_t>(DropCause::QueueFull)] > 0;
    if (first_drop) edge.reported = true;
    news = news || edge.closing;  // the consumer may have waited for this producer
    wake = news && std::exchange(consumer_asleep_, false);
    if (news) moved();
    if (news && has_hook_.load(std::memory_order_relaxed)) hook = hook_;
  }
  if (wake) ready_.notify_one();
  if (hook) (*hook)();
  if (first_drop) report_first_drop(edge.options);
  if (!report.empty()) log(LogLevel::Warning, "join '" + consumer_ + "': " + report);
}

bool Inbox::apply_decisions_locked(std::vector<AnySample>& dropped) {
  bool made = false;
  for (const auto& decision : sets_->joiner.decisions()) {
    if (decision.members == 0) {
      Lane& lane = part_lane_locked(decision.parent);
      if (decision.cause == DropCause::QueueFull) sets_->overflowed[decision.parent] = true;
      dropped.push_back(lanes_.evict(lane, decision.cause));
      made_room_locked(lane, nullptr);
      continue;
    }
    made = true;
    sets_->count(decision);
    JoinSets::Set set;
    set.decided = decision.at;
    set.parts.resize(sets_->edges.size());
    for (std::size_t i = 0; i < sets_->edges.size(); ++i) {
      if ((decision.members >> i & 1U) == 0) continue;
      Lane& lane = part_lane_locked(i);
      set.arrivals[i] = lane.ring[lane.head].arrival;
      lanes_.pop(lane, set.parts[i].emplace());
      ++lane.in_sets;
    }
    sets_->ready.push_back(std::move(set));
  }
  sets_->joiner.clear_decisions();
  drop_old_sets_locked(dropped);
  return made;
}

void Inbox::drop_old_sets_locked(std::vector<AnySample>& dropped) {
  const auto& wait = sets_->rules.wait;
  if (sets_->ready.size() < 2 || !wait ||
      sets_->edges.front()->options.queue.when_full != WhenFull::DropOldest)
    return;
  const auto oldest = clock_->now() - to_duration(Seconds(*wait));
  while (sets_->ready.size() > 1 && sets_->ready.front().decided < oldest) {
    drop_set_locked(DropCause::QueueFull, dropped);
  }
}

void Inbox::drop_set_locked(DropCause cause, std::vector<AnySample>& dropped) {
  auto set = std::move(sets_->ready.front());
  sets_->ready.pop_front();
  for (std::size_t i = 0; i < set.parts.size(); ++i) drop_part_locked(set, i, cause, dropped);
}

void Inbox::drop_parts_locked(bool sets_too, std::vector<AnySample>& dropped) {
  if (!sets_) return;
  sets_->keep_trouble(fruitless_locked(clock_->now()));
  sets_->joiner.clear();
  for (auto& lane : lanes_.all()) {
    while (lane->size > 0) dropped.push_back(lanes_.evict(*lane, DropCause::Stop));
  }
  while (sets_too && !sets_->ready.empty()) drop_set_locked(DropCause::Stop, dropped);
}

void Inbox::end_part_locked(const Edge& edge, std::vector<AnySample>& dropped) {
  if (stop_.closed) return;
  sets_->keep_trouble(fruitless_locked(clock_->now()));
  sets_->joiner.end(edge.part, clock_->now());
  apply_decisions_locked(dropped);
}

void Inbox::forget_part_locked(const Edge& edge, std::vector<AnySample>& dropped) {
  sets_->joiner.forget(edge.part);
  if (!sets_->rules.partial || edge.part == 0) {
    while (!sets_->ready.empty()) drop_set_locked(DropCause::Removed, dropped);
    return;
  }
  for (auto& set : sets_->ready) drop_part_locked(set, edge.part, DropCause::Removed, dropped);
}

void Inbox::drop_part_locked(JoinSets::Set& set, std::size_t part, DropCause cause,
                             std::vector<AnySample>& dropped) {
  auto& sample = set.parts[part];
  if (!sample) return;
  Lane& lane = part_lane_locked(part);
  --lane.in_sets;
  lane.drop(cause);
  lane.kept.keep(set.arrivals[part], *sample);
  dropped.push_back(*std::exchange(sample, std::nullopt));
  made_room_locked(lane, nullptr);
}

Taken Inbox::take_set_locked(bool newest, SetAftermath& after) {
  if (is_over_locked()) return Taken::Ended;
  if (lanes_.has_news()) return Taken::News;
  if (!sets_) return nothing_locked();
  if (!stop_.closed && sets_->ready.empty()) {
    sets_->joiner.advance(clock_->now());
    apply_decisions_locked(after.latest.dropped);
  }
  drop_old_sets_locked(after.latest.dropped);
  while (!sets_->ready.empty()) {
    const auto& oldest = sets_->ready.front();
    if (newest && sets_->ready.size() > 1) {
      drop_set_locked(DropCause::Skipped, after.latest.dropped);
    } else if (stale_locked(part_lane_locked(0), *oldest.parts.front())) {
      drop_set_locked(DropCause::Stale, after.latest.dropped);
    } else {
      deliver_set_locked(after);
      return Taken::Sample;
    }
  }
  if (!lanes_.all_ended(stop_.closed)) return nothing_locked();
  for (auto& lane : lanes_.all()) lane->kept.lose_all(after.latest.dropped);  // no set can take them along
  return Taken::Ended;
}

void Inbox::deliver_set_locked(SetAftermath& after) {
  auto set = std::move(sets_->ready.front());
  sets_->ready.pop_front();
  for (std::size_t i = 0; i < set.parts.size(); ++i) {
    if (!set.parts[i]) continue;
    Lane& lane = part_lane_locked(i);
    --lane.in_sets;
    deliver_locked(lane, *set.parts[i], set.arrivals[i], after.latest);
    if (!after.latest.events.empty()) after.absorbed.push_back({i, std::move(after.latest.events)});
    made_room_locked(lane, &after.latest);
  }
  after.latest.events.clear();
  after.parents = &sets_->edges;
  after.parts = std::move(set.parts);
}

Taken Inbox::finish_set(Taken taken, AnySample& sample, SetAftermath& after) {
  tell_producer(after.latest);
  if (taken != Taken::Sample) return taken;
  taken_at_ = clock_->now();
  for (const auto& [index, events] : after.absorbed) {
    auto& value = after.parts[index]->value;
    value = value.get()->with_events_of(events);
  }
  for (std::size_t i = 0; i < after.parts.size(); ++i) {
    const auto& part = after.parts[i];
    if (part) (*after.parents)[i]->age.add(Seconds(taken_at_ - part->stamp.captured).count(), taken_at_);
  }
  finishing_.store(false, std::memory_order_release);
  const auto& reference = *after.parts.front();
  sample = {reference.stamp, reference.frame, {}, reference.dropped, reference.node};
  sample.value = ValueRef::make<Joined>(Joined{std::move(after.parts)});
  return taken;
}

TimePoint Inbox::next_look_locked() const {
  if (!sets_ || !sets_->rules.wait || stop_.closed) return TimePoint::max();
  const auto soon = clock_->now() + to_duration(Seconds(*sets_->rules.wait));
  return std::min(soon, sets_->joiner.next_time().value_or(soon));
}

std::optional<Seconds> Inbox::look_within() const {
  if (!joins_) return std::nullopt;
  const Lock lock(mutex_);
  if (!sets_ || !sets_->rules.partial || !sets_->rules.wait || stop_.closed) return std::nullopt;
  return Seconds(next_look_locked() - clock_->now());
}

Taken Inbox::take_set(AnySample& sample, TimePoint deadline) {
  SetAftermath after;
  lock_soon(mutex_);
  Lock lock(mutex_, std::adopt_lock);
  auto taken = take_set_locked(false, after);
  for (bool waits = true; waits && taken == Taken::Nothing;) {
    waits = wait_to_take_locked(after.latest.dropped, deadline);
    taken = take_set_locked(false, after);
  }
  lock.unlock();
  return finish_set(taken, sample, after);
}

Taken Inbox::take_set_now(AnySample& sample, bool newest) {
  SetAftermath after;
  lock_soon(mutex_);
  Lock lock(mutex_, std::adopt_lock);
  const auto taken = take_set_locked(newest, after);
  lock.unlock();
  return finish_set(taken, sample, after);
}

// Users of other systems miss this message most: nothing comes, and nothing says why.
std::string Inbox::fruitless_locked(TimePoint now) const {
  const auto& sets = *sets_;
  if (!sets.rules.wait || !sets.fruitless_since) return {};
  if (now - *sets.fruitless_since < kUntilFruitless) return {};
  std::string far;
  const auto name_of = [&](std::size_t i) { return sets.edges[i]->options.parent_name; };
  for (std::size_t i = 0; i < sets.edges.size(); ++i) {
    const auto& without = sets.without_clock[i];
    if (!without) continue;
    far += (far.empty() ? "" : ", ") + why_no_clock(name_of(i), *without, sets.rules);
  }
  if (!far.empty()) return fruitless_text_locked(now) + ": " + far;
  if (const auto full = sets_->too_short(); !full.empty()) return fruitless_text_locked(now) + ": " + full;
  const auto add = [&](const std::string& what) {
    if (!what.empty()) far += (far.empty() ? "" : ", ") + what;
  };
  add(silence_of(sets.joiner, 0, name_of(0), now));
  const bool has_reference = far.empty();  // else no distances are known
  for (std::size_t i = 1; i < sets.edges.size(); ++i) {
    const auto silence = silence_of(sets.joiner, i, name_of(i), now);
    add(silence);
    if (silence.empty() && has_reference) add(distance_of(sets, i));
  }
  if (far.empty()) return {};
  return fruitless_text_locked(now) + ": " +
         (has_reference ? "beside those of '" + name_of(0) + "', " : std::string()) + far;
}

std::string Inbox::fruitless_text_locked(TimePoint now) const {
  return "no complete set for " +
         std::to_string(std::lround(Seconds(now - *sets_->fruitless_since).count())) + " s by " +
         std::string(to_string(sets_->rules.by));
}

std::optional<JoinStats> Inbox::join_stats(Span span) const {
  if (!joins_) return std::nullopt;
  const Lock lock(mutex_);
  if (!sets_) return std::nullopt;
  std::vector<std::string> names;
  for (const auto& edge : sets_->edges) names.push_back(edge->options.parent_name);
  const auto now = clock_->now();
  auto result = sets_->stats(names, span, now);
  result.trouble =
      stop_.closed || lanes_.all_ended(stop_.closed) ? sets_->last_trouble : fruitless_locked(now);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& drops = part_lane_locked(i).counts.drops;
    result.parents[i].unmatched = drops[static_cast<std::size_t>(DropCause::Unmatched)];
    result.parents[i].late = drops[static_cast<std::size_t>(DropCause::Late)];
  }
  return result;
}

std::optional<Inbox::Starved> Inbox::starved_join() const {
  if (!joins_) return std::nullopt;
  const Lock lock(mutex_);
  if (!sets_ || stop_.closed || !sets_->ready.empty()) return std::nullopt;
  const Edge* full = nullptr;
  const Edge* empty = nullptr;
  for (const auto& edge : sets_->edges) {
    const Lane& lane = *edge->lanes.front();
    if (lane.queue.blocks() && lane.full()) full = edge.get();
    if (lane.size == 0 && !lane.ended) empty = edge.get();
  }
  if (full == nullptr || empty == nullptr) return std::nullopt;
  return Starved{full->options.parent_name, empty->options.parent_name};
}

}  // namespace freshframe::core
