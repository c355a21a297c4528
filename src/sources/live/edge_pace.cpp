// Schedules the packets of a playlist at their own intervals, as close to the live edge as its bursts allow.
// SPDX-License-Identifier: Apache-2.0
#include "sources/live/edge_pace.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "media/stream/live_timeline.hpp"

namespace freshframe::media {
namespace {

constexpr Seconds kApart{0.4};     // packets that arrive further apart belong to different bursts
constexpr Seconds kQuiet{0.3};     // after this time without a packet, everything on the server has been read
constexpr Seconds kInterval{0.5};  // between two comparisons
constexpr double kReserve = 0.05;  // seconds
// In seconds; longer than the frame interval of streams with very low frame rates.
constexpr double kFurthestAhead = 10.0;
constexpr double kLongestBurst = 60.0;  // maximum length of a burst in seconds of media
constexpr std::size_t kGaps = 8;

}  // namespace

/// The first burst was already available when the stream was joined, so the gap after it may be shorter than
/// usual.
void EdgePace::arrive(const Timed& packet) {
  if (begins_burst(packet)) {
    if (++bursts_ > 1) {
      const double media = packet.time - burst_.time;
      const double gap = Seconds(packet.arrived - burst_.arrived).count();
      gaps_.push_back({bursts_ == 2 ? std::max(gap, media) : gap, media});
    }
    if (gaps_.size() > kGaps) gaps_.pop_front();
    burst_ = packet;
  }
  newest_ = packet;
}

/// If timestamps jump within a burst, its duration is unknown and counts as 0.
TimePoint EdgePace::lasts_until() const {
  if (!newest_) return {};
  const double media = newest_->time - burst_.time;
  if (media < 0 || media > kLongestBurst) return newest_->arrived;
  return std::max(newest_->arrived, burst_.arrived + to_duration(Seconds(media)));
}

/// A burst starts with each reload. Shortly after joining, two reloads may be almost simultaneous.
bool EdgePace::begins_burst(const Timed& packet) const {
  return !newest_ || packet.reloads != newest_->reloads || packet.arrived - newest_->arrived > kApart;
}

TimePoint EdgePace::due(const Timed& packet, TimePoint now) {
  const bool jumps =
      last_ && (packet.time < last_->time - kMostBack || packet.time > last_->time + kFurthestAhead);
  if (!last_ || jumps) line_ = now - to_duration(Seconds(packet.time));
  const bool begins_burst = last_ && packet.arrived - last_->arrived > kApart;
  if (begins_burst && on_line(packet.time) < packet.arrived) line_ += packet.arrived - on_line(packet.time);
  catch_up(now);
  last_ = packet;
  return on_line(packet.time);
}

/// Once everything on the server has been read, drops the delay that is not needed to bridge the next gap.
void EdgePace::catch_up(TimePoint now) {
  if (gaps_.empty() || now - newest_->arrived < kQuiet || now - checked_ < kInterval) return;
  checked_ = now;
  const double until_next = usual_gap() - Seconds(now - newest_->arrived).count();
  const double until_newest = Seconds(on_line(newest_->time) - now).count();
  const double surplus = until_newest - std::max(0.0, until_next) - kReserve;
  if (surplus > kReserve) line_ -= to_duration(Seconds(surplus));
}

/// Returns the usual time between bursts, in seconds. A gap much longer than a segment was a pause, and is
/// ignored unless it happens again.
double EdgePace::usual_gap() const {
  constexpr double kMost = 1.75;  // in segments: players poll for the next one every half segment
  constexpr std::size_t kEnough = 4;
  const auto by_media = [](const Gap& one, const Gap& other) { return one.media < other.media; };
  const double segment = std::max(0.0, std::min_element(gaps_.begin(), gaps_.end(), by_media)->media);
  double usual = segment;
  std::vector<double> sorted;
  for (const auto& gap : gaps_) {
    sorted.push_back(gap.seconds);
    if (gap.seconds <= kMost * segment) usual = std::max(usual, gap.seconds);
  }
  std::sort(sorted.begin(), sorted.end());
  return sorted.size() < kEnough ? usual : std::max(usual, sorted[sorted.size() - 2]);
}

}  // namespace freshframe::media
