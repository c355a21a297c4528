// When a playlist is asked for, so that a new segment is known soon after it is there.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <optional>

namespace freshframe::media {

/// Note [Reloads]: a reader that asks for a playlist once for each segment joins at any moment of a segment,
/// and then has every later one just as late: by half a segment on average, for ever. Segments become
/// available at regular times, so one of these times is searched for. It lies between a request whose answer
/// did not have the segment and one whose answer had it. Before the first such pair is known, an eighth of a
/// segment lies between two requests, which is at most eight more requests for each connection. From then on
/// each request halves the span between the two, until it is short, and comes at its end: about five requests
/// for four segments. The span grows with every segment, so that a server that becomes quicker is noticed,
/// and one segment that was late says nothing of the next. A segment that does not come in time is asked for
/// again, with waits that double up to half a segment, which is RFC 8216's own (6.3.4). One thread, no I/O,
/// real time.
class ReloadSchedule {
 public:
  struct Answer {
    TimePoint asked{};
    TimePoint answered{};
    std::int64_t newest = 0;  // number of its newest segment
    double seconds = 0;       // that this segment lasts
  };

  /// Returns whether it differs from the one before.
  bool note(const Answer& answer);
  /// No answer that can be used: asks again after half a segment.
  void note_failure(TimePoint now);
  /// When to ask again; a past time: now.
  [[nodiscard]] TimePoint next() const noexcept { return next_; }

 private:
  void begin(const Answer& answer);
  void miss(const Answer& answer);
  void hit(const Answer& answer, std::int64_t count);

  std::optional<std::int64_t> newest_;
  double segment_ = 0;  // seconds
  bool found_ = false;  // an answer without a segment and one with it are known
  // The next segment becomes available between these two.
  TimePoint lower_{};
  TimePoint upper_{};
  std::optional<TimePoint> before_;  // the lower one, before the present segment was found to be late
  double wait_ = 0;                  // seconds after an answer without it
  TimePoint next_{};
};

}  // namespace freshframe::media
