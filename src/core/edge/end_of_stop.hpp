// The samples that a stop still lets pass through an inbox: how it closes, until when, and the cause of what it
// drops.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/queue.hpp"

#include <cstdint>
#include <utility>

namespace freshframe::core {

/// How an inbox closes. In each way later samples are dropped, and put() never waits again.
enum class Closing : std::uint8_t {
  AtOnce,     // the waiting samples are dropped, and nothing can be taken any more
  ForEvents,  // the waiting samples are dropped, but of each lane whose dropped samples have events a last
              // sample can be taken, if the consumer's calls take so little time that it has ended in time
  ForNew,     // the waiting samples can still be taken, and so can the last results of parents that finish
};

/// How far the stop of an inbox is. A value that its parts read, and that the inbox alone changes.
///
/// A stop closes an inbox once for its events or for new samples, with a time limit, and at its end at once. The
/// time limit of the first close holds: a second one does not give the consumer more time.
///
/// Between the two a producer may still be at work, or wait for room: what it puts is dropped, unless it is a last
/// result that passes, but its events are kept for the last sample of the lane. Events that are kept at the end,
/// or come after it, are counted as lost if the stop left the inbox open for them.
struct EndOfStop {
  bool closed = false;
  bool closes_soon = false;            // the end of a source that a stop has ended completes no batch
  bool takes_last = false;             // it is closed, but last results pass in
  bool hands_over = false;             // a stop left it open for events: none goes uncounted
  DropCause cause = DropCause::Stop;   // cause of the samples that a close drops
  TimePoint until = TimePoint::min();  // it is closed, but waiting samples or their events can be taken

  void close(Closing how, TimePoint deadline) noexcept {
    const bool was_closed = std::exchange(closed, true);
    if (how == Closing::AtOnce) {
      until = TimePoint::min();
      return;
    }
    if (!was_closed) until = deadline;
    hands_over = true;
    if (how == Closing::ForNew) takes_last = true;
  }
  /// Whether nothing can be taken any more.
  [[nodiscard]] bool is_over(const Clock& clock) const { return closed && clock.now() >= until; }
  /// Whether the stop keeps a sample out. `is_last`: a last result of a parent.
  [[nodiscard]] bool refuses(const Clock& clock, bool is_last) const {
    return closed && !(is_last && takes_last && !is_over(clock));
  }
  /// The end of a wait until `deadline`: after a close the consumer looks again when its time is over.
  [[nodiscard]] TimePoint limit(TimePoint deadline) const noexcept {
    return closed && until < deadline ? until : deadline;
  }
};

}  // namespace freshframe::core
