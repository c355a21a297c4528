// When the packets of a playlist are due: at their own distances, as near to the newest one as its bursts
// allow.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <deque>
#include <optional>

namespace freshframe::media {

/// A playlist brings a whole segment at once. The packets are spread out on a line: each is due at its own
/// time plus a delay. The delay must bridge the time until the next burst, and everything above that is
/// needless age: at the beginning, and after each pause of the server, which brings what it has missed. So
/// the line moves to earlier times by what is waiting and not needed, as soon as the bursts are known. It
/// moves to later times only when a burst itself comes too late.
///
/// Two rules that seem simpler were tried on recorded streams, and failed: the smallest reserve of the last
/// three bursts took 12 s to come back after a pause of 4.5 s, and the smallest reserve of any packet ran
/// away on a busy machine. One thread.
class EdgePace {
 public:
  struct Timed {
    double time = 0;  // time in the stream, in the order of decoding: seconds
    TimePoint arrived{};
    std::uint64_t reloads = 0;  // reloads of the playlist before it
  };

  /// A packet has come from the network. In the order of their arrival.
  void arrive(const Timed& packet);
  /// When the newest packet would be shown at its own distance from the first one of its burst. Before that, no next
  /// burst is missing.
  [[nodiscard]] TimePoint lasts_until() const;
  /// When `packet`, which has arrived, is due; a past time: at once, and by how long it is late. In the same order.
  [[nodiscard]] TimePoint due(const Timed& packet, TimePoint now);

 private:
  struct Gap {
    double seconds = 0;
    double media = 0;  // seconds of the stream that the burst before the gap has brought
  };

  [[nodiscard]] bool begins_burst(const Timed& packet) const;
  void catch_up(TimePoint now);
  [[nodiscard]] double usual_gap() const;
  [[nodiscard]] TimePoint on_line(double time) const { return line_ + to_duration(Seconds(time)); }

  std::optional<Timed> newest_;  // the newest that has arrived
  Timed burst_;                  // the first packet of the newest burst
  int bursts_ = 0;
  std::deque<Gap> gaps_;       // between the beginnings of the last bursts
  std::optional<Timed> last_;  // the last that was due
  TimePoint line_{};           // when a packet with time 0 is due
  TimePoint checked_{};        // when the line was last compared with what waits
};

}  // namespace freshframe::media
