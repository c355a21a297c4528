// Implements Note [Rules of the join], in the same order, and validates the options.
// SPDX-License-Identifier: Apache-2.0
#include "core/join/joiner.hpp"

#include "freshframe/error.hpp"
#include "freshframe/join.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

// Seconds added to `within`, since the difference of two doubles has a rounding error.
constexpr double kRounding = 1e-9;
constexpr double kSilentIntervals = 3;
constexpr double kSmoothing = 0.1;

}  // namespace

Joiner::Joiner(Options options)
    : within_(options.within + kRounding),
      wait_(options.wait ? std::optional(to_duration(*options.wait)) : std::nullopt),
      absent_after_(options.wait ? options.wait->count() : std::numeric_limits<double>::infinity()),
      partial_(options.partial) {
  inputs_.resize(options.rooms.size());
  for (std::size_t i = 0; i < inputs_.size(); ++i) inputs_[i].room = options.rooms[i];
}

void Joiner::put(std::size_t parent, double time, TimePoint now) {
  advance(now);
  auto& input = inputs_[parent];
  if (input.last_arrival) {
    // Caps the gap, because a silence is not an interval between samples.
    const double gap = std::min(Seconds(now - *input.last_arrival).count(), patience(input));
    input.mean_interval += (gap - input.mean_interval) * (input.mean_interval > 0 ? kSmoothing : 1);
  }
  input.last_arrival = now;
  if (input.last_time && time < *input.last_time) {  // J7
    drop(parent, now, input.waiting.size());
    given_up_.reset();
  }
  input.last_time = time;
  if (input.full() && input.room.drops_oldest) {
    if (parent == 0) note_nearest(input.waiting.front().time);
    input.waiting.pop_front();
    decisions_.push_back(
        {.parent = static_cast<std::uint8_t>(parent), .cause = DropCause::QueueFull, .at = now});
  }
  const bool late = parent > 0 && given_up_ && std::abs(time - *given_up_) <= within_;
  input.waiting.push_back({time, now, late});
  decide(now);
}

void Joiner::end_parent(std::size_t parent, TimePoint now) {
  advance(now);
  inputs_[parent].ended = true;
  decide(now);
}

void Joiner::restart(TimePoint now) {
  advance(now);
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    drop(i, now, inputs_[i].waiting.size());
    inputs_[i].last_time.reset();
  }
  given_up_.reset();
}

std::optional<TimePoint> Joiner::next_time() const {
  std::optional<TimePoint> first;
  if (!wait_) return first;
  for (const auto& input : inputs_) {
    if (input.waiting.empty()) continue;
    const auto due = input.waiting.front().arrival + *wait_;
    if (!first || due < *first) first = due;
  }
  return first;
}

void Joiner::advance(TimePoint now) {
  for (auto due = next_time(); due && *due <= now; due = next_time()) {
    expire(*due);
    decide(*due);
  }
}

void Joiner::clear() noexcept {
  for (auto& input : inputs_) input.waiting.clear();
  decisions_.clear();
}

void Joiner::decide(TimePoint now) {
  if (!born_) born_ = now;
  while (!std::ranges::all_of(inputs_, &Input::is_missing)) {
    if (!(partial_ ? decide_partial(now) : decide_whole(now))) return;
  }
}

bool Joiner::decide_whole(TimePoint now) {
  const auto missing = std::ranges::count_if(inputs_, &Input::is_missing);
  if (missing < std::ssize(inputs_) - 1 && drop_stale(now)) return true;
  if (missing > 0) return drop_all_after_an_end(now);
  if (!wait_ && !certain()) return false;
  take_set(now, {});
  return true;
}

bool Joiner::drop_stale(TimePoint now) {
  auto greatest = -std::numeric_limits<double>::infinity();
  for (const auto& input : inputs_) {
    if (!input.waiting.empty()) greatest = std::max(greatest, input.waiting.front().time);
  }
  std::optional<std::size_t> oldest;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const auto& waiting = inputs_[i].waiting;
    if (waiting.empty() || waiting.front().time >= greatest - within_) continue;
    if (!oldest || waiting.front().time < inputs_[*oldest].waiting.front().time) oldest = i;
  }
  if (oldest) drop(*oldest, now);
  return oldest.has_value();
}

bool Joiner::drop_all_after_an_end(TimePoint now) {
  if (std::ranges::none_of(inputs_, [](const Input& each) { return each.is_missing() && each.ended; }))
    return false;
  drop_all(now);
  return true;
}

bool Joiner::decide_partial(TimePoint now) {
  const auto& reference = inputs_.front();
  if (reference.is_missing()) {
    if (reference.ended) drop_all(now);
    return reference.ended;
  }
  const double oldest = reference.waiting.front().time - within_;
  for (std::size_t i = 1; i < inputs_.size(); ++i) {
    while (!inputs_[i].is_missing() && inputs_[i].waiting.front().time < oldest) drop(i, now);
  }
  if (!wait_ && !certain()) return false;
  const auto steps = steps_to_whole();
  bool is_whole = steps.has_value();
  for (std::size_t i = 1; i < inputs_.size(); ++i) {
    if ((steps ? (*steps)[i] : 0) < inputs_[i].waiting.size()) continue;
    if (wait_ && !absent(inputs_[i], now)) return false;
    is_whole = false;
  }
  is_whole ? take_set(now, *steps) : take_partial(now);
  return true;
}

std::optional<Joiner::Steps> Joiner::steps_to_whole() const {
  Steps steps{};
  const double reference = inputs_.front().waiting.front().time;
  double greatest = reference;
  for (bool moved = true; std::exchange(moved, false);) {
    for (std::size_t i = 1; i < inputs_.size(); ++i) {
      const auto& waiting = inputs_[i].waiting;
      while (steps[i] < waiting.size() && waiting[steps[i]].time < greatest - within_) ++steps[i];
      if (steps[i] == waiting.size() || waiting[steps[i]].time <= greatest) continue;
      greatest = waiting[steps[i]].time;
      moved = true;
    }
    if (reference < greatest - within_) return std::nullopt;
  }
  return steps;
}

void Joiner::expire(TimePoint now) {
  std::size_t first = inputs_.size();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const auto& waiting = inputs_[i].waiting;
    if (waiting.empty()) continue;
    if (first == inputs_.size() || waiting.front().arrival < inputs_[first].waiting.front().arrival) {
      first = i;
    }
  }
  const double time = inputs_[first].waiting.front().time;
  const bool has_set = partial_ && std::ranges::any_of(inputs_.front().waiting, [&](const Item& reference) {
                         return std::abs(reference.time - time) <= within_;
                       });
  has_set ? take_partial(now) : drop(first, now);
}

bool Joiner::absent(const Input& input, TimePoint now) const {
  if (input.ended) return true;
  const double silent = Seconds(now - input.last_arrival.value_or(*born_)).count();
  return silent > patience(input);
}

double Joiner::patience(const Input& input) const noexcept {
  return std::max(absent_after_, kSilentIntervals * input.mean_interval);
}

bool Joiner::certain() const {
  const double reference = inputs_.front().waiting.front().time;
  return std::all_of(inputs_.begin() + 1, inputs_.end(), [&](const Input& input) {
    return input.ended || input.full() || (!input.waiting.empty() && input.waiting.back().time >= reference);
  });
}

// For each parent but the reference, moves to the next waiting sample as long as that makes the spread
// smaller, or keeps the spread and gets closer to the reference.
Joiner::Steps Joiner::choose(Steps steps) const {
  if (std::ranges::none_of(inputs_, [](const Input& each) { return each.waiting.size() > 1; })) return steps;
  std::array<double, kMostParents> picks{};
  const auto count = inputs_.size();
  for (std::size_t i = 0; i < count; ++i) picks[i] = inputs_[i].waiting[steps[i]].time;
  const auto spread = [&] {
    const auto [least, greatest] = std::minmax_element(picks.begin(), picks.begin() + count);
    return *greatest - *least;
  };
  const double reference = picks.front();
  for (bool moved = true; std::exchange(moved, false);) {
    for (std::size_t i = 1; i < count; ++i) {
      if (steps[i] + 1 >= inputs_[i].waiting.size()) continue;
      const double before = spread();
      const double old = std::exchange(picks[i], inputs_[i].waiting[steps[i] + 1].time);
      const double after = spread();
      const bool nearer = std::abs(picks[i] - reference) < std::abs(old - reference);
      if (after < before || (after == before && nearer)) {
        ++steps[i];
        moved = true;
      } else {
        picks[i] = old;
      }
    }
  }
  return steps;
}

void Joiner::take_set(TimePoint now, const Steps& from) {
  const auto steps = choose(from);
  for (std::size_t i = 0; i < inputs_.size(); ++i) drop(i, now, steps[i]);
  push_set(static_cast<std::uint16_t>((1U << inputs_.size()) - 1), now);
}

void Joiner::take_partial(TimePoint now) {
  const double reference = inputs_.front().waiting.front().time;
  std::uint16_t members = 1;
  double low = reference;
  double high = reference;
  for (std::size_t i = 1; i < inputs_.size(); ++i) {
    const auto& waiting = inputs_[i].waiting;
    auto best = waiting.end();
    for (auto item = waiting.begin(); item != waiting.end(); ++item) {
      if (std::max(high, item->time) - std::min(low, item->time) > within_) continue;
      if (best == waiting.end() || std::abs(item->time - reference) < std::abs(best->time - reference)) {
        best = item;
      }
    }
    if (best == waiting.end()) continue;
    low = std::min(low, best->time);
    high = std::max(high, best->time);
    drop(i, now, static_cast<std::size_t>(best - waiting.begin()));
    members = static_cast<std::uint16_t>(members | (1U << i));
  }
  given_up_ = reference;
  push_set(members, now);
}

void Joiner::push_set(std::uint16_t members, TimePoint now) {
  note_nearest(inputs_.front().waiting.front().time);
  auto least = std::numeric_limits<double>::infinity();
  auto greatest = -least;
  auto first = TimePoint::max();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if ((members >> i & 1U) == 0) continue;
    auto& waiting = inputs_[i].waiting;
    const auto& item = waiting.front();
    least = std::min(least, item.time);
    greatest = std::max(greatest, item.time);
    first = std::min(first, item.arrival);
    waiting.pop_front();
  }
  decisions_.push_back(
      {.members = members, .at = now, .spread = greatest - least, .waited = Seconds(now - first)});
}

void Joiner::drop_all(TimePoint now) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (!inputs_[i].is_missing()) drop(i, now);
  }
}

void Joiner::drop(std::size_t parent, TimePoint now, std::size_t count) {
  auto& waiting = inputs_[parent].waiting;
  for (std::size_t i = 0; i < count; ++i) {
    const auto item = waiting.front();
    if (parent == 0) {
      note_nearest(item.time);
      given_up_ = item.time;
    }
    waiting.pop_front();
    decisions_.push_back({.parent = static_cast<std::uint8_t>(parent),
                          .cause = item.late && wait_ ? DropCause::Late : DropCause::Unmatched,
                          .at = now});
  }
}

// If a parent has no waiting samples, its newest one counts, which may be an hour away.
void Joiner::note_nearest(double reference) {
  for (std::size_t i = 1; i < inputs_.size(); ++i) {
    auto& input = inputs_[i];
    if (!input.last_time) continue;
    double nearest = *input.last_time - reference;
    for (const auto& item : input.waiting) {
      if (std::abs(item.time - reference) < std::abs(nearest)) nearest = item.time - reference;
    }
    input.nearest.add(nearest);
  }
}

std::optional<double> Joiner::nearest(std::size_t parent) const {
  const auto& recent = inputs_[parent].nearest;
  auto values = recent.values;
  const auto count = std::min(recent.count, Recent::kMost);
  if (count == 0) return std::nullopt;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(count / 2);
  std::nth_element(values.begin(), middle, values.begin() + static_cast<std::ptrdiff_t>(count));
  return *middle;
}

}  // namespace freshframe::core

namespace freshframe {

std::string_view to_string(JoinBy by) noexcept {
  switch (by) {
    case JoinBy::Captured:
      return "captured";
    case JoinBy::Pts:
      return "pts";
    case JoinBy::Seq:
      return "seq";
    case JoinBy::Utc:
      return "utc";
  }
  return "?";
}

JoinBy parse_join_by(std::string_view name) {
  std::string known;
  for (const auto by : {JoinBy::Captured, JoinBy::Pts, JoinBy::Seq, JoinBy::Utc}) {
    if (to_string(by) == name) return by;
    known += (known.empty() ? "" : ", ") + std::string(to_string(by));
  }
  throw OptionError("by of a join must be one of " + known + ", got '" + std::string(name) + "'");
}

void validate(const Join& join) {
  if (join.within && (!(*join.within >= 0) || !std::isfinite(*join.within))) {
    throw OptionError("within of a join must be at least 0 seconds and finite, got " +
                      core::seconds_text(*join.within));
  }
  if (join.max_wait && (!(*join.max_wait > 0) || !std::isfinite(*join.max_wait))) {
    throw OptionError("max_wait of a join must be more than 0 seconds and finite, got " +
                      core::seconds_text(*join.max_wait));
  }
  if (join.by == JoinBy::Seq && join.within) {
    throw OptionError("a join by seq matches samples with the same seq: leave within out, got " +
                      core::seconds_text(*join.within));
  }
}

}  // namespace freshframe
