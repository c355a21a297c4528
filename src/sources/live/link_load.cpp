// Detects an overloaded link by comparing the arrivals of frames with their timestamps and sizes.
// SPDX-License-Identifier: Apache-2.0
#include "sources/live/link_load.hpp"

#include <algorithm>
#include <cmath>

#include "core/median.hpp"

namespace freshframe::media {
namespace {

constexpr std::size_t kFewestFrames = 20;
constexpr std::size_t kMostFrames = 1024;  // bounds the memory if many frames arrive at the same time
constexpr std::size_t kMostPoints = 200;   // per fit
constexpr double kShortestShare = 0.7;     // minimum share of kSpan that the frames cover
constexpr double kClearFactor = 3;         // minimum factor between the two mean distances
constexpr double kVisible = 0.015;         // seconds; smaller distances are inconclusive
constexpr double kFewBusy = 0.6;           // share of time in which data arrives
constexpr double kMuchBusy = 0.95;
constexpr double kReaderWaits = 0.1;        // minimum share of time that the reader waits
constexpr std::size_t kPacketBytes = 1400;  // size of a packet on the network, whatever the protocol
// packets in a frame, so that its transmission time can be measured
constexpr std::size_t kFewestPackets = 3;
constexpr std::size_t kFewestMany = 5;  // frames with at least kFewestPackets packets

/// Returns the mean distance of y from a line fitted over x, ignoring the fifth of the points that is
/// furthest away.
double find_distance(const std::vector<double>& x, const std::vector<double>& y) {
  constexpr int kFits = 2;  // the second fit excludes the outliers of the first
  constexpr double kKept = 0.8;
  std::vector<bool> keep(x.size(), true);
  std::vector<double> off(x.size());
  for (int turn = 0; turn < kFits; ++turn) {
    const auto line = StraightLine::fit(x, y, [&](std::size_t i) { return keep[i]; });
    for (std::size_t i = 0; i < x.size(); ++i) off[i] = std::abs(y[i] - line.at(x[i]));
    auto sorted = off;
    const auto last =
        sorted.begin() + static_cast<std::ptrdiff_t>(kKept * static_cast<double>(off.size() - 1));
    std::ranges::nth_element(sorted, last);
    for (std::size_t i = 0; i < x.size(); ++i) keep[i] = off[i] <= *last;
  }
  double sum = 0;
  double count = 0;
  for (std::size_t i = 0; i < off.size(); ++i) {
    if (!keep[i]) continue;
    sum += off[i];
    count += 1;
  }
  return sum / count;
}

}  // namespace

void LinkLoad::add(const Arrival& arrival) {
  arrivals_.push_back(arrival);
  const auto is_old = [&] {
    return arrivals_.size() > kMostFrames ||
           (arrivals_.size() > kFewestFrames && arrivals_.front().at < arrival.at - kSpan);
  };
  while (is_old()) arrivals_.pop_front();
}

void LinkLoad::clear() noexcept {
  arrivals_.clear();
}

LinkVerdict LinkLoad::judge() const {
  return is_enough() && is_reader_slow() ? LinkVerdict::Full : judge_link();
}

LinkVerdict LinkLoad::judge_link() const {
  if (!is_enough() || !has_sizes()) return LinkVerdict::Unclear;
  const auto busy = find_busy_share();
  const auto by_bytes = compare_lines();
  if (by_bytes == LinkVerdict::Even && busy > kMuchBusy) return LinkVerdict::Unclear;
  if (by_bytes != LinkVerdict::Unclear) return by_bytes;
  if (busy && *busy < kFewBusy) return LinkVerdict::Even;
  if (busy && *busy > kMuchBusy) return LinkVerdict::Full;
  return keeps_delays() ? LinkVerdict::MaybeFull : LinkVerdict::Unclear;
}

bool LinkLoad::is_enough() const {
  return arrivals_.size() >= kFewestFrames &&
         arrivals_.back().at - arrivals_.front().at >= kShortestShare * kSpan;
}

bool LinkLoad::is_reader_slow() const {
  double waited = 0;
  for (const auto& one : arrivals_) {
    if (!one.waited) return false;
    waited += *one.waited;
  }
  return waited < kReaderWaits * (arrivals_.back().at - arrivals_.front().at);
}

bool LinkLoad::has_sizes() const {
  return std::ranges::all_of(arrivals_, [](const Arrival& one) { return one.size > 0; });
}

/// Returns the share of time in which frame data arrives: from first to last byte, plus one packet, since
/// sending the first packet also took time.
std::optional<double> LinkLoad::find_busy_share() const {
  constexpr double kShortest = 1e-6;  // seconds
  double busy = 0;
  double span = 0;
  std::size_t many = 0;
  for (std::size_t i = 0; i + 1 < arrivals_.size(); ++i) {
    const auto& one = arrivals_[i];
    const auto packets = (one.size + kPacketBytes - 1) / kPacketBytes;
    if (packets < kFewestPackets || !one.ended) continue;
    const auto count = static_cast<double>(packets);
    busy += (*one.ended - one.at) * count / (count - 1);
    span += std::max(kShortest, arrivals_[i + 1].at - one.at);
    ++many;
  }
  if (many < kFewestMany) return std::nullopt;
  return busy / span;
}

/// Returns true if the stream does not catch up after short interruptions. On a link with capacity to spare,
/// the frames after an interruption arrive faster than usual. Returns false if irregular intervals are
/// common, as when frames are read in groups: those gaps are not interruptions.
bool LinkLoad::keeps_delays() const {
  constexpr double kShortestUsual = 1e-3;  // seconds
  constexpr double kFewestUsual = 0.6;     // share of intervals near the usual one
  constexpr double kNotFaster = 0.9;       // share of the usual interval
  constexpr std::size_t kFewestAfter = 4;  // frames after an interruption
  const auto intervals = list_intervals();
  auto shuffled = intervals;
  const double usual = core::find_median(shuffled);
  const auto is_usual = [usual](double one) { return one > usual / 2 && one < usual * 2; };
  const auto all = static_cast<double>(intervals.size());
  if (usual < kShortestUsual) return false;
  if (static_cast<double>(std::ranges::count_if(intervals, is_usual)) < kFewestUsual * all) return false;
  bool keeps = false;
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    if (!is_interruption(i, usual)) continue;
    const auto missed = static_cast<std::size_t>(std::ceil(intervals[i] / usual)) - 1;
    const auto after = std::max(kFewestAfter, missed);
    if (i + after >= intervals.size()) continue;
    const double taken = arrivals_[i + 1 + after].at - arrivals_[i + 1].at;
    if (taken < kNotFaster * usual * static_cast<double>(after)) return false;
    keeps = true;
  }
  return keeps;
}

/// Returns the times between arrivals in seconds.
std::vector<double> LinkLoad::list_intervals() const {
  std::vector<double> intervals;
  for (std::size_t i = 0; i + 1 < arrivals_.size(); ++i) {
    intervals.push_back(arrivals_[i + 1].at - arrivals_[i].at);
  }
  return intervals;
}

/// Returns true if the frame after the `index`-th arrived late, although its timestamp follows directly.
bool LinkLoad::is_interruption(std::size_t index, double usual) const {
  constexpr double kShortest = 0.05;  // seconds beyond the usual interval
  constexpr double kUsualIntervals = 2.5;
  const auto& before = arrivals_[index];
  const auto& after = arrivals_[index + 1];
  const double interval = after.at - before.at;
  if (interval < usual + kShortest || interval < kUsualIntervals * usual) return false;
  const double stamped =
      (arrivals_.back().pts - arrivals_.front().pts) / static_cast<double>(arrivals_.size() - 1);
  return after.pts - before.pts < kUsualIntervals * stamped;
}

/// Sorts the timestamps, since B-frames arrive in decoding order: the n-th arrival is compared with the n-th
/// smallest timestamp.
LinkVerdict LinkLoad::compare_lines() const {
  const std::size_t step = (arrivals_.size() + kMostPoints - 1) / kMostPoints;
  std::vector<double> sorted;
  for (const auto& one : arrivals_) sorted.push_back(one.pts);
  std::ranges::sort(sorted);
  std::vector<double> times;
  std::vector<double> bytes;
  std::vector<double> at;
  double total = 0;
  for (std::size_t i = 0; i < arrivals_.size(); ++i) {
    const auto& one = arrivals_[i];
    const auto size = static_cast<double>(one.size);
    if (i % step == 0) {
      times.push_back(sorted[i]);
      bytes.push_back(one.at_is_end ? total + size : total);
      at.push_back(one.at);
    }
    total += size;
  }
  const double by_time = find_distance(times, at);
  const double by_bytes = find_distance(bytes, at);
  if (std::max(by_time, by_bytes) <= kVisible) return LinkVerdict::Unclear;
  if (by_time < by_bytes / kClearFactor) return LinkVerdict::Even;
  return by_bytes < by_time / kClearFactor ? LinkVerdict::Full : LinkVerdict::Unclear;
}

}  // namespace freshframe::media
