// When the packets of a playlist are due: at their own distances, as near to the newest one as its bursts
// allow.
// SPDX-License-Identifier: Apache-2.0
#include "sources/live/edge_pace.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "media/stream/live_timeline.hpp"

namespace freshframe::media {
namespace {

constexpr Seconds kApart{0.4};     // two packets that arrive with this between them belong to two bursts
constexpr Seconds kQuiet{0.3};     // without a packet: all that the server has was read
constexpr Seconds kInterval{0.5};  // between two comparisons
constexpr double kReserve = 0.05;  // seconds
constexpr double kFurthestAhead =
    10.0;  // seconds: more than between two pictures of a stream with few of them
constexpr double kLongestBurst = 60.0;  // seconds of the stream
constexpr std::size_t kGaps = 8;

}  // namespace

/// The first burst was there when the stream was joined. So the gap after it may be shorter than any later
/// one.
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

/// Where the times jump within a burst, it lasts for nothing.
TimePoint EdgePace::lasts_until() const {
  if (!newest_) return {};
  const double media = newest_->time - burst_.time;
  if (media < 0 || media > kLongestBurst) return newest_->arrived;
  return std::max(newest_->arrived, burst_.arrived + to_duration(Seconds(media)));
}

/// After a reload, although a reader that joins shortly before a new segment has two at nearly the same
/// time.
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

/// Where all that the server has was read: what is due after the next burst is not needed.
void EdgePace::catch_up(TimePoint now) {
  if (gaps_.empty() || now - newest_->arrived < kQuiet || now - checked_ < kInterval) return;
  checked_ = now;
  const double until_next = usual_gap() - Seconds(now - newest_->arrived).count();
  const double until_newest = Seconds(on_line(newest_->time) - now).count();
  const double surplus = until_newest - std::max(0.0, until_next) - kReserve;
  if (surplus > kReserve) line_ -= to_duration(Seconds(surplus));
}

/// Seconds. A gap that is far longer than a segment was a pause, for which nothing is kept, unless it comes
/// again.
double EdgePace::usual_gap() const {
  constexpr double kMost = 1.75;  // segments: readers look for the next one every half
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
