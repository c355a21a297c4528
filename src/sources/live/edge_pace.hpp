// Schedules the packets of a playlist at their own intervals, as close to the live edge as its bursts allow.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <deque>
#include <optional>

namespace freshframe::media {

/// A playlist delivers whole segments in bursts. Packets are spread out along a line: each is due at its
/// timestamp plus a delay. The delay must bridge the time until the next burst; any more is unnecessary
/// latency, which arises at the start, and when a server catches up after a pause. So once the time between
/// bursts is known, the line moves earlier by the surplus that is waiting. It moves later only if a burst
/// itself is late.
///
/// Two simpler rules failed on recorded streams: with the smallest reserve of the last three bursts,
/// recovering from a pause of 4.5 s took 12 s; with the smallest reserve of any packet, the delay grew
/// without bound on a busy machine. Not thread-safe.
class EdgePace {
 public:
  struct Timed {
    double time = 0;  // decoding timestamp in the stream, in seconds
    TimePoint arrived{};
    std::uint64_t reloads = 0;  // number of reloads of the playlist before this packet
  };

  /// Call for each packet from the network, in order of arrival.
  void arrive(const Timed& packet);
  /// Returns when the newest burst runs out if it is played from the arrival of its first packet on. Until
  /// then, the next burst is not late. Never before the arrival of the newest packet; zero if there is none.
  [[nodiscard]] TimePoint lasts_until() const;
  /// Returns the time at which `packet`, which has arrived, is due. A past time means that it is due
  /// immediately, and how late it is. Call in order.
  [[nodiscard]] TimePoint due(const Timed& packet, TimePoint now);

 private:
  struct Gap {
    double seconds = 0;
    double media = 0;  // seconds of media in the burst before the gap
  };

  [[nodiscard]] bool begins_burst(const Timed& packet) const;
  void catch_up(TimePoint now);
  [[nodiscard]] double usual_gap() const;
  [[nodiscard]] TimePoint on_line(double time) const { return line_ + to_duration(Seconds(time)); }

  std::optional<Timed> newest_;  // the newest packet that has arrived
  Timed burst_;                  // the first packet of the newest burst
  int bursts_ = 0;
  std::deque<Gap> gaps_;       // intervals between the starts of the last bursts
  std::optional<Timed> last_;  // the last packet passed to due()
  TimePoint line_{};           // when a packet with timestamp 0 is due
  TimePoint checked_{};        // when the line was last compared with the waiting packets
};

}  // namespace freshframe::media
