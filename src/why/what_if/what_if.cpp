// The answer: twenty draws of the records, played with the change, and as many without it to see that the records
// explain the present.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/what_if.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/unit_text.hpp"
#include "why/figures.hpp"
#include "why/predictions.hpp"
#include "why/what_if/change.hpp"
#include "why/what_if/draws.hpp"
#include "why/what_if/limits.hpp"
#include "why/what_if/recording.hpp"
#include "why/what_if/simulation.hpp"

namespace freshframe::core {
namespace {

constexpr int kDraws = 20;
constexpr double kSlack = 1e-3;      // seconds: what a thread's wake-up and the counting cost
constexpr double kRateSlack = 0.01;  // share of the rate
constexpr double kShortest = 5;      // seconds that are played, and the most
constexpr double kLongest = 60;
constexpr double kEnoughSamples = 2'000;  // the most samples that are played, unless kShortest has more
constexpr double kMostSamples = 10'000;   // the most that are played, unless kShortestBusy has more
constexpr double kShortestBusy = 1;
constexpr double kUnseen = 0.01;    // share of the calls: sizes of batches that were not recorded
constexpr double kExplained = 0.1;  // by which the played present may differ from the recorded one
constexpr double kNearOne = 0.1;    // a load of 0.9 to 1.1: the wait depends on the smallest differences
constexpr double kLongestWarmUp = 30;
constexpr auto kStopped = "the question was taken back";

// One draw at one end.
struct Seen {
  double rate = 0;
  double mean = 0;
  double p50 = 0;
  double p99 = 0;
};

struct Draws {
  std::map<int, std::vector<Seen>> ends;
  std::map<int, double> rates;  // samples per second of each node, the mean of all draws
  std::map<int, double> loads;  // offered: 1 is as much as it can take
  std::map<int, double> unseen;
  std::set<int> saturated;
  bool source_waits = false;
};

double quantile(std::vector<double>& values, double share) {
  const auto at =
      std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())));
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(at));
  return values[at];
}

Seen summarise_ends(const std::vector<Played::End>& ends, TimePoint from, double length) {
  std::vector<double> ages;
  double sum = 0;
  for (const auto& each : ends) {
    if (each.at < from) continue;
    ages.push_back(each.age);
    sum += each.age;
  }
  Seen out{.rate = static_cast<double>(ages.size()) / length};
  if (ages.empty()) return out;
  out.mean = sum / static_cast<double>(ages.size());
  out.p50 = quantile(ages, 0.5);
  out.p99 = quantile(ages, 0.99);
  return out;
}

// The graph with a change of one node; `change` null: as it is.
class Player {
 public:
  Player(const Asked& asked, const NodeChange* change) : asked_(asked), change_(change) {
    double longest = 0;
    for (const int number : asked.involved) {
      const auto& node = get_node(number);
      if (node.is_source) {
        plan_.sources.push_back(number);
        if (node.calls.size() > 1)
          longest = std::max(longest, Seconds(node.calls.back().done - node.calls.front().done).count());
        continue;
      }
      plan_.nodes.emplace(number, plan_node(number, node));
      if (node.is_reader) continue;
      times_.emplace(number, collect_times(node.calls, node.batch.has_value()));
    }
    recorded_ = std::clamp(longest, kShortest, kLongest);
    length_ = std::min(recorded_, affordable());
    warm_up_ = std::min(kLongestWarmUp, 2 + 2 * longest_queue());
  }

  /// Seconds that the records span, a minute at most.
  [[nodiscard]] double recorded_seconds() const noexcept { return recorded_; }

  [[nodiscard]] Draws play_all(const std::stop_token& stop) {
    Draws out;
    for (int i = 0; i < kDraws && !out.source_waits && !stop.stop_requested(); ++i)
      play_one(static_cast<std::uint64_t>(i), out);
    return out;
  }

 private:
  [[nodiscard]] const RecordedNode& get_node(int number) const { return asked_.recording.nodes.at(number); }
  [[nodiscard]] bool changes(int number) const { return change_ != nullptr && number == asked_.node; }

  // Seconds: a thousand samples per second prove as much in less time.
  [[nodiscard]] double affordable() const {
    double samples = 0;  // per second
    for (const int number : asked_.involved) samples += compute_rate(get_node(number).calls).value_or(0);
    samples = std::max(samples, 1.0);
    return std::max({kShortestBusy, kEnoughSamples / samples, std::min(kShortest, kMostSamples / samples)});
  }

  // The most samples that a source gives while a draw is played: it repeats its records.
  [[nodiscard]] double most_samples(int source) const {
    const auto& calls = get_node(source).calls;
    const auto rate = compute_rate(calls);
    if (!rate) return 0;
    const double rounds =
        (kLongestWarmUp + kLongest) * *rate / stretch(source) / static_cast<double>(calls.size());
    return (std::ceil(rounds) + 1) * static_cast<double>(calls.size());
  }

  // No deeper than there are samples of a source: an Inbox has the memory for all of its depth, per edge.
  [[nodiscard]] int most_waiting(const EdgeOptions& edge) const {
    constexpr double kDeepest = 1 << 20;  // depth of a queue
    double most = edge.sources.empty() ? kDeepest : 1;
    for (const int source : edge.sources) most = std::max(most, most_samples(source));
    return static_cast<int>(std::min(most, kDeepest));
  }

  void change(PlannedNode& node) const {
    if (change_->batch) node.batch = change_->batch;
    if (change_->workers) {
      node.seats = *change_->workers;
      node.has_crew = true;
    }
    for (auto& edge : node.edges) {
      if (change_->queue) edge.queue = *change_->queue;
      if (change_->max_age) edge.max_age = change_->max_age;
      if (change_->max_rate) edge.max_rate = change_->max_rate;
    }
  }

  [[nodiscard]] PlannedNode plan_node(int number, const RecordedNode& node) const {
    PlannedNode out{.edges = node.edges,
                    .batch = node.batch,
                    .seats = std::max(1, node.workers),
                    .has_crew = node.workers > 0,
                    .in_order = leaves_in_order(node),
                    .is_reader = node.is_reader,
                    .is_end = std::ranges::find(asked_.ends, number) != asked_.ends.end()};
    if (changes(number)) change(out);
    for (auto& edge : out.edges) edge.queue.depth = std::min(edge.queue.depth, most_waiting(edge));
    return out;
  }

  // Results that leave as soon as they are ready overtake each other now and then.
  [[nodiscard]] static bool leaves_in_order(const RecordedNode& node) {
    std::map<int, std::int64_t> latest;
    for (const auto& call : node.calls) {
      const auto [known, is_new] = latest.try_emplace(call.source, call.seq);
      if (!is_new && call.seq < known->second) return false;
      known->second = call.seq;
    }
    return true;
  }

  [[nodiscard]] double mean_time(int number) const {
    double sum = 0;
    std::size_t count = 0;
    for (const auto& [size, times] : times_.at(number)) {
      for (const double time : times) sum += time / static_cast<double>(size);
      count += times.size();
    }
    const double speed = changes(number) ? change_->speed.value_or(1) : 1;
    return count > 0 ? sum / static_cast<double>(count) / speed : 0;
  }

  // The time until the queues are as full as they will be.
  [[nodiscard]] double longest_queue() const {
    double longest = 0;
    for (const auto& [number, node] : plan_.nodes) {
      if (node.is_reader) continue;
      for (const auto& edge : node.edges) longest = std::max(longest, edge.queue.depth * mean_time(number));
    }
    return longest;
  }

  void play_one(std::uint64_t seed, Draws& out) {
    constexpr TimePoint kBegin{std::chrono::hours(1)};
    Random random(seed + 1);
    std::map<int, ArrivalDraw> arrivals;
    std::map<int, CallDraw> calls;
    for (const int source : plan_.sources)
      arrivals.emplace(source, ArrivalDraw(get_node(source).calls, stretch(source), kBegin, random));
    for (const auto& [number, times] : times_) {
      const double speed = changes(number) ? change_->speed.value_or(1) : 1;
      calls.emplace(number, CallDraw(times, speed, random));
    }
    const PlannedTimes times{
        .next_arrival = [&](int source) { return arrivals.at(source).next(); },
        .call_time = [&](int node, std::size_t samples) { return calls.at(node).next(samples, random); }};
    const auto from = kBegin + to_duration(Seconds(warm_up_));
    const auto played = play(plan_, times, kBegin, from + to_duration(Seconds(length_)));
    out.source_waits = played.source_waited;
    for (const int end : asked_.ends) {
      const auto found = played.ends.find(end);
      out.ends[end].push_back(found != played.ends.end() ? summarise_ends(found->second, from, length_)
                                                         : Seen{});
    }
    for (const auto& [number, draw] : calls)
      out.unseen[number] = std::max(out.unseen[number], draw.unseen_share());
    add_work(played, out);
  }

  void add_work(const Played& played, Draws& out) const {
    const double length = warm_up_ + length_;
    for (const auto& [number, node] : plan_.nodes) {
      if (node.is_reader) continue;
      const auto work = played.work.find(number);
      if (work == played.work.end() || work->second.samples == 0) continue;
      const auto samples = static_cast<double>(work->second.samples);
      constexpr double kSaturated = 0.5;  // share: it is slower than its parents, which wait
      if (static_cast<double>(work->second.refused) > kSaturated * samples) out.saturated.insert(number);
      double offered = 0;
      for (const auto& edge : played.edges.at(number)) {
        const auto by_rate = edge.drops.find(DropCause::Rate);
        offered += static_cast<double>(edge.passed_in - (by_rate != edge.drops.end() ? by_rate->second : 0));
      }
      out.rates[number] += samples / length / kDraws;
      out.loads[number] += offered * (work->second.busy / samples) / node.seats / length / kDraws;
    }
  }

  [[nodiscard]] double stretch(int source) const {
    if (!changes(source) || !change_->rate) return 1;
    const auto rate = compute_rate(get_node(source).calls);
    return rate ? *rate / *change_->rate : 1;
  }

  const Asked& asked_;
  const NodeChange* change_;
  Plan plan_;
  std::map<int, TimesBySize> times_;
  double recorded_ = kShortest;
  double length_ = kShortest;  // length that is played
  double warm_up_ = 0;
};

Range compute_range(const std::vector<Seen>& draws, double Seen::* member, double slack, double share) {
  std::vector<double> values;
  for (const auto& draw : draws) values.push_back(draw.*member);
  const auto [least, most] = std::ranges::minmax(values);
  return {.low = std::max(0.0, least * (1 - share) - slack),
          .middle = quantile(values, 0.5),
          .high = most * (1 + share) + slack};
}

// The present, as it was recorded.
struct Present {
  double mean = 0;
  double rate = 0;
};

// The age of a reader is that at which a sample reaches it.
std::map<int, Present> find_present(const Asked& asked) {
  std::map<int, Present> out;
  for (const auto& age : asked.recording.present) {
    const auto end = std::ranges::find_if(
        asked.ends, [&](int number) { return asked.recording.nodes.at(number).name == age.consumer; });
    if (end == asked.ends.end() || age.samples == 0) continue;
    double mean = age.mean;
    for (const auto& part : age.parts) {
      const bool waits = part.kind == AgeKind::Queue || part.kind == AgeKind::Worker;
      if (age.is_reader && waits && part.node == age.consumer) mean -= part.mean;
    }
    out[*end] = {mean, age.interval > 0 ? 1 / age.interval : 0};
  }
  return out;
}

// The records do not explain what was measured: then they explain nothing else.
std::string explain_mismatch(const Asked& asked, const Draws& now, const std::map<int, Present>& present) {
  for (const int end : asked.ends) {
    const auto& name = asked.recording.nodes.at(end).name;
    const auto measured = present.find(end);
    if (measured == present.end()) return "not yet: '" + name + "' has got no sample whose way is known";
    const auto ages = compute_range(now.ends.at(end), &Seen::mean, kSlack, kExplained);
    const auto rates = compute_range(now.ends.at(end), &Seen::rate, 0, kExplained);
    const auto& [mean, rate] = measured->second;
    if (mean < ages.low || mean > ages.high)
      return "the records do not explain the present: '" + name + "' gets samples that are " +
             time_text(mean) + " old on average, and by them it would be " + time_text(ages.low) + " to " +
             time_text(ages.high);
    if (rate < rates.low || rate > rates.high)
      return "the records do not explain the present: '" + name + "' gets " + fixed_text(rate, 1) +
             " samples per second, and by them it would be " + fixed_text(rates.low, 1) + " to " +
             fixed_text(rates.high, 1);
  }
  return {};
}

// Returns the node with a load near one among the nodes whose waits an end has, or an empty text.
std::string near_one(const Asked& asked, const Draws& draws, int end) {
  const auto above = [&](int number) {
    const auto below = asked.recording.below(number);
    return std::ranges::find(below, end) != below.end();
  };
  for (const auto& [number, load] : draws.loads) {
    if (std::abs(load - 1) > kNearOne || !above(number) || draws.saturated.contains(number)) continue;
    const auto& node = asked.recording.nodes.at(number);
    const auto& queue = number == asked.node ? asked.change.queue : std::nullopt;
    const bool waits = std::ranges::any_of(
        node.edges, [&](const auto& edge) { return queue.value_or(edge.queue).depth > 0; });
    if (!waits) continue;
    return "'" + node.name + "' would have " + percent_text(load) +
           " of the work that it can do: then waits depend on the smallest differences";
  }
  return {};
}

std::string unseen_sizes(const Asked& asked, const Draws& draws) {
  for (const auto& [number, share] : draws.unseen) {
    if (share <= kUnseen) continue;
    const auto& node = asked.recording.nodes.at(number);
    return "'" + node.name +
           "' would have batches of other sizes than were recorded: how long its calls for them "
           "take is not known";
  }
  return {};
}

std::string reason_after(const Asked& asked, const Draws& draws) {
  if (draws.source_waits)
    return "a source would wait for room: what it does with its samples meanwhile is not recorded";
  if (auto reason = unseen_sizes(asked, draws); !reason.empty()) return reason;
  return explain_processors(asked, draws.rates);
}

Outcome play_draws(const Asked& asked, const Draws& draws, int end, const std::map<int, Present>& present) {
  const auto& node = asked.recording.nodes.at(end);
  const auto& seen = draws.ends.at(end);
  Outcome out{.consumer = node.name, .is_reader = node.is_reader};
  if (const auto now = present.find(end); now != present.end()) {
    out.age_mean_now = now->second.mean;
    out.rate_now = now->second.rate;
  }
  out.rate = compute_range(seen, &Seen::rate, 0, kRateSlack);
  out.reason = near_one(asked, draws, end);
  if (out.reason.empty() && std::ranges::any_of(seen, [](const auto& each) { return each.rate <= 0; }))
    out.reason = "hardly a sample would come";
  if (!out.reason.empty()) return out;
  out.age_mean = compute_range(seen, &Seen::mean, kSlack, 0);
  out.age_p50 = compute_range(seen, &Seen::p50, kSlack, 0);
  out.age_p99 = compute_range(seen, &Seen::p99, kSlack, 0);
  return out;
}

// Returns the nodes that the samples of the ends pass, and children that can make one of these wait.
std::set<int> involved_in(const Recording& recording, const std::vector<int>& ends) {
  std::set<int> out(ends.begin(), ends.end());
  for (std::size_t before = 0; before != out.size();) {
    before = out.size();
    for (const auto& [number, node] : recording.nodes) {
      for (const auto& edge : node.edges) {
        if (out.contains(number) && recording.nodes.contains(edge.parent)) out.insert(edge.parent);
        if (out.contains(edge.parent) && edge.queue.blocks()) out.insert(number);
      }
    }
  }
  return out;
}

Asked make_asked(const Recording& recording, const std::string& name, const NodeChange& change) {
  const int node = check_change(recording, name, change);
  std::vector<int> ends;
  for (const int number : recording.below(node)) {
    if (recording.is_end(number)) ends.push_back(number);
  }
  auto involved = involved_in(recording, ends);
  return {recording, node, change, std::move(ends), std::move(involved)};
}

}  // namespace

bool Recording::is_end(int number) const {
  return std::ranges::none_of(nodes, [&](const auto& each) {
    return std::ranges::any_of(each.second.edges, [&](const auto& edge) { return edge.parent == number; });
  });
}

std::vector<int> Recording::below(int number) const {
  std::vector<int> out{number};
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (const auto& [child, node] : nodes) {
      const bool takes =
          std::ranges::any_of(node.edges, [&](const auto& edge) { return edge.parent == out[i]; });
      if (takes && std::ranges::find(out, child) == out.end()) out.push_back(child);
    }
  }
  return out;
}

std::vector<Call> latest_calls(std::vector<Call> calls) {
  constexpr std::chrono::seconds kLatest{60};
  if (calls.size() <= kFewestCalls) return calls;
  const auto since = calls.back().done - kLatest;
  const auto first = std::ranges::find_if(calls, [&](const auto& call) { return call.done >= since; });
  const auto most = calls.end() - static_cast<std::ptrdiff_t>(kFewestCalls);
  calls.erase(calls.begin(), std::min(first, most));
  return calls;
}

WhatIf what_if(const Recording& recording, const std::string& name, const NodeChange& change,
               const std::stop_token& stop) {
  const auto asked = make_asked(recording, name, change);
  WhatIf answer{.node = name, .change = to_string(change)};
  answer.reason = explain_limits(asked);
  if (!answer.reason.empty()) return answer;
  for (const int number : asked.involved) {
    const auto& node = recording.nodes.at(number);
    if (node.is_reader || node.is_source) continue;
    answer.calls = answer.calls == 0 ? node.calls.size() : std::min(answer.calls, node.calls.size());
  }
  Player as_is(asked, nullptr);
  answer.duration = as_is.recorded_seconds();
  const auto present = find_present(asked);
  const auto now = as_is.play_all(stop);
  answer.reason = stop.stop_requested() ? kStopped : explain_mismatch(asked, now, present);
  if (!answer.reason.empty()) return answer;
  const auto draws = Player(asked, &change).play_all(stop);
  answer.reason = stop.stop_requested() ? kStopped : reason_after(asked, draws);
  if (!answer.reason.empty()) return answer;
  for (const int end : asked.ends) answer.outcomes.push_back(play_draws(asked, draws, end, present));
  return answer;
}

}  // namespace freshframe::core

namespace freshframe {
namespace core {
namespace {

std::string short_text(double value) {
  return number_text(value, std::chars_format::general, 6);
}

std::string batch_text(const Batch& batch) {
  const auto size = std::to_string(batch.size);
  return batch.max_wait > 0 ? "Batch(" + size + ", max_wait=" + short_text(batch.max_wait) + ")" : size;
}

std::string rates_text(const Range& rates) {
  const auto low = fixed_text(rates.low, 1);
  const auto high = fixed_text(rates.high, 1);
  return (low == high ? high : low + " to " + high) + " per second";
}

std::string outcome_text(const Outcome& outcome) {
  std::string text = "  " + outcome.consumer + ": ";
  if (outcome.age_mean) {
    text += "samples are " + range_text(*outcome.age_mean) + " old on average" +
            (outcome.is_reader ? " when they arrive" : "") + " (now " + time_text(outcome.age_mean_now) +
            "), half of them at most " + range_text(*outcome.age_p50) + ", 99 of 100 at most " +
            range_text(*outcome.age_p99);
  } else {
    text += "the age is not known: " + outcome.reason;
  }
  if (outcome.rate)
    text += "; " + rates_text(*outcome.rate) + " (now " + fixed_text(outcome.rate_now, 1) + ")";
  return text + ".\n";
}

// The rate, if it is another one.
std::string other_rate(const Outcome& outcome) {
  constexpr double kSame = 0.1;
  if (!outcome.rate || std::abs(outcome.rate->middle - outcome.rate_now) <= kSame * outcome.rate_now)
    return {};
  return "; " + rates_text(*outcome.rate) + " (now " + fixed_text(outcome.rate_now, 1) + ")";
}

}  // namespace

std::optional<Effect> find_effect(const WhatIf& answer) {
  const auto by_age = [](const Outcome& outcome) { return outcome.age_mean ? outcome.age_mean_now : -1; };
  const auto oldest = std::ranges::max_element(answer.outcomes, {}, by_age);
  if (oldest == answer.outcomes.end() || !oldest->age_mean) return std::nullopt;
  const auto& mean = *oldest->age_mean;
  return Effect{
      .text = "With " + answer.change + " at " + answer.node + ", samples would be " + range_text(mean) +
              " old on average " + (oldest->is_reader ? "when they reach " : "at ") + oldest->consumer +
              ", 99 of 100 at most " + range_text(*oldest->age_p99) + other_rate(*oldest) + ".",
      .evidence = {{"predicted", mean.middle}, {"predicted_low", mean.low}, {"predicted_high", mean.high}}};
}

}  // namespace core

std::string to_string(const NodeChange& change) {
  std::string text;
  const auto add = [&](std::string_view name, const std::string& value) {
    text += (text.empty() ? "" : ", ") + std::string(name) + "=" + value;
  };
  if (change.queue) add("queue", to_string(*change.queue));
  if (change.max_age) add("max_age", core::short_text(*change.max_age));
  if (change.max_rate) add("max_rate", core::short_text(*change.max_rate));
  if (change.workers) add("workers", std::to_string(*change.workers));
  if (change.batch) add("batch", core::batch_text(*change.batch));
  if (change.speed) add("speed", core::short_text(*change.speed));
  if (change.rate) add("rate", core::short_text(*change.rate));
  return text;
}

std::string to_string(const WhatIf& answer) {
  const auto question = answer.node + " with " + answer.change;
  if (!answer.is_known()) return question + ": not known: " + answer.reason + ".\n";
  auto text = question + ", by the last " + core::fixed_text(answer.duration) + " s:\n";
  for (const auto& outcome : answer.outcomes) text += core::outcome_text(outcome);
  return text;
}

}  // namespace freshframe
