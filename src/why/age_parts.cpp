// Follows samples back to their sources, and averages the parts of their ages.
// SPDX-License-Identifier: Apache-2.0
#include "why/age_parts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

namespace freshframe {

std::string_view to_string(AgeKind kind) noexcept {
  constexpr std::array<std::string_view, 10> kNames = {"source", "room", "queue", "worker", "batch",
                                                       "set",    "gil",  "start", "call",   "order"};
  return kNames[static_cast<std::size_t>(kind)];
}

namespace core {
namespace {

constexpr std::size_t kOldestShare = 20;  // one in this many samples counts among the oldest
constexpr int kLongestWay = 1000;         // nodes; only a safeguard

double since(TimePoint from, TimePoint to) {
  return Seconds(to - from).count();
}

// The records of a stop, indexed by sample.
class Found {
 public:
  explicit Found(const Stop& stop) : calls_(stop.calls), order_(stop.calls.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::ranges::sort(order_, {}, [&](std::size_t i) { return key(calls_[i]); });
  }

  // Returns the call that made the sample: the one with its number or, where results are renumbered, the one
  // of the same image.
  [[nodiscard]] std::optional<std::size_t> find_call(const Call& child) const {
    const auto wanted = std::tuple(child.source, child.seq, child.part);
    const auto place =
        std::ranges::upper_bound(order_, wanted, {}, [&](std::size_t i) { return key(calls_[i]); });
    if (place == order_.begin()) return std::nullopt;
    const auto index = *std::prev(place);
    const auto& call = calls_[index];
    if (call.source != child.source || call.seq != child.seq) return std::nullopt;
    return index;
  }
  [[nodiscard]] const Call& call(std::size_t index) const { return calls_[index]; }
  // Returns how long the node waited for room between the end of this call and that of the next.
  [[nodiscard]] double room_after(std::size_t index) const {
    if (index + 1 >= calls_.size()) return 0;
    return static_cast<double>(calls_[index + 1].waited - calls_[index].waited) * 1e-9;
  }

 private:
  static std::tuple<int, std::int64_t, int> key(const Call& call) {
    return {call.source, call.seq, call.part};
  }

  const std::vector<Call>& calls_;
  std::vector<std::size_t> order_;
};

// The parts of one sample's age, from its end back to its source.
struct PartTime {
  AgeKind kind;
  int stop;
  double time;
};

struct Walked {
  double age = 0;
  std::vector<PartTime> parts;
};

class Walk {
 public:
  explicit Walk(const Stops& stops) : stops_(stops) {
    for (const auto& [number, stop] : stops) found_.emplace(number, Found(stop));
  }

  // Returns nullopt if a record along the way was overwritten.
  [[nodiscard]] std::optional<Walked> back_from(int end, const Call& taken) const {
    Walked out;
    const auto& stop = stops_.at(end);
    TimePoint until = stop.is_reader ? taken.taken : taken.done;
    const auto whole = until;
    int number = end;
    Call call = taken;
    for (int step = 0; step < kLongestWay; ++step) {
      if (!stops_.at(number).is_reader) add_call(out, number, call, until);
      const auto found = found_.find(call.from);
      if (found == found_.end()) return std::nullopt;
      const auto parent = found->second.find_call(call);
      if (!parent) return std::nullopt;
      const auto before = found->second.call(*parent);
      const auto put = std::min(before.done, call.taken);
      add_way(out, {number, call, since(put, call.taken)}, before, found->second.room_after(*parent));
      number = call.from;
      call = before;
      until = put;
      if (!stops_.at(number).is_source) continue;
      if (call.source != number) return std::nullopt;
      out.parts.push_back({AgeKind::Source, number, since(call.taken, until)});
      out.age = since(call.taken, whole);
      return out;
    }
    return std::nullopt;
  }

 private:
  struct Passed {
    int stop;
    Call call;
    double time;  // time since the end of the parent's call
  };

  // Adds the call, and the time between taking the sample and the call. `until`: when the result was sent.
  static void add_call(Walked& out, int number, const Call& call, TimePoint until) {
    const double whole = std::max(0.0, since(call.taken, until));
    const double start = std::clamp(static_cast<double>(call.start), 0.0, whole);
    const double before = std::clamp(static_cast<double>(call.gil_before), 0.0, start);
    const double within = std::max(0.0, static_cast<double>(call.gil_within));
    // GIL times are sampled: within one call they may exceed its duration, but their mean does not.
    out.parts.push_back({AgeKind::Call, number, whole - start - within});
    out.parts.push_back({AgeKind::Gil, number, before + within});
    out.parts.push_back({AgeKind::Start, number, start - before});
  }

  // Adds the time between the end of the parent's call and taking the sample.
  void add_way(Walked& out, const Passed& arrival, const Call& before, double room) const {
    const auto& stop = stops_.at(arrival.stop);
    const double order = std::clamp(static_cast<double>(before.order), 0.0, arrival.time);
    double left = arrival.time - order;
    const bool waited = stop.after_room.contains(arrival.call.from);
    const double blocked = waited ? std::clamp(room, 0.0, left) : 0;
    left -= blocked;
    const double gathered =
        stop.gathers ? std::clamp(static_cast<double>(arrival.call.gathered), 0.0, left) : 0;
    left -= gathered;
    const auto kind = stop.joins ? AgeKind::Set : stop.has_workers ? AgeKind::Worker : AgeKind::Queue;
    out.parts.push_back({AgeKind::Batch, arrival.stop, gathered});
    out.parts.push_back({kind, arrival.stop, left});
    out.parts.push_back({AgeKind::Room, arrival.call.from, blocked});
    out.parts.push_back({AgeKind::Order, arrival.call.from, order});
  }

  const Stops& stops_;
  std::map<int, Found> found_;
};

// Omits parts that took no time for any sample.
void add_means(Age& age, const Stops& stops, std::span<const Walked> samples) {
  const auto oldest = std::max<std::size_t>(1, samples.size() / kOldestShare);
  std::vector<std::pair<std::pair<AgeKind, int>, std::pair<double, double>>> sums;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    age.mean += samples[i].age;
    if (i < oldest) age.oldest_mean += samples[i].age;
    for (const auto& [kind, stop, time] : samples[i].parts) {
      const auto key = std::pair(kind, stop);
      auto sum = std::ranges::find(sums, key, [](const auto& each) { return each.first; });
      if (sum == sums.end()) sum = sums.insert(sum, {key, {}});
      sum->second.first += time;
      if (i < oldest) sum->second.second += time;
    }
  }
  const auto count = static_cast<double>(samples.size());
  age.mean /= count;
  age.oldest_mean /= static_cast<double>(oldest);
  for (auto& [key, times] : sums) {  // see add_call()
    if (key.first != AgeKind::Call || times.first >= 0) continue;
    const auto gil = std::ranges::find(sums, std::pair(AgeKind::Gil, key.second),
                                       [](const auto& each) { return each.first; });
    gil->second.first += std::exchange(times.first, 0);
  }
  constexpr double kNothing = 1e-6;  // seconds
  for (auto sum = sums.rbegin(); sum != sums.rend(); ++sum) {
    const auto& [key, times] = *sum;
    const double mean = times.first / count;
    if (key.first == AgeKind::Source) age.sources.push_back(stops.at(key.second).name);
    if (std::abs(mean) < kNothing) continue;
    age.parts.push_back(
        {key.first, stops.at(key.second).name, mean, times.second / static_cast<double>(oldest)});
  }
}

Age make_age(const Walk& walk, const Stops& stops, int end, TimePoint from, TimePoint now) {
  const auto& stop = stops.at(end);
  Age age{.consumer = stop.name, .is_reader = stop.is_reader, .duration = since(from, now)};
  std::vector<Walked> samples;
  std::optional<TimePoint> first;
  TimePoint last{};
  for (const auto& call : stop.calls) {
    if (call.done < from) continue;
    if (!first) first = call.done;
    last = call.done;
    if (auto walked = walk.back_from(end, call)) {
      samples.push_back(*std::move(walked));
    } else {
      ++age.unknown;
    }
  }
  age.samples = samples.size();
  const auto all = age.samples + age.unknown;
  if (all > 1) age.interval = since(*first, last) / static_cast<double>(all - 1);
  if (samples.empty()) return age;
  std::ranges::sort(samples, std::greater{}, &Walked::age);
  add_means(age, stops, samples);
  return age;
}

}  // namespace

std::vector<Age> collect_ages(const Stops& stops, TimePoint since, TimePoint now) {
  const Walk walk(stops);
  std::vector<Age> out;
  for (const auto& [number, stop] : stops) {
    if (stop.is_end) out.push_back(make_age(walk, stops, number, since, now));
  }
  return out;
}

}  // namespace core
}  // namespace freshframe
