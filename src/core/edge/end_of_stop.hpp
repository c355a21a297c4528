// Which samples a stop still lets through an inbox: how it closes, until when, and the cause of its drops.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/queue.hpp"

#include <cstdint>
#include <utility>

namespace freshframe::core {

/// How an inbox closes. In any case later samples are dropped, and put() never waits again.
enum class Closing : std::uint8_t {
  /// Queued samples are dropped, and nothing more can be taken.
  AtOnce,
  /// Queued samples are dropped. But if dropped samples of a lane have events, one last sample can be taken
  /// from it, provided that the consumer's calls are short enough for it to finish in time.
  ForEvents,
  /// Queued samples can still be taken, and so can final results of the parents.
  ForNew,
};

/// How far an inbox's stop has progressed. Read by the inbox's parts, changed only by the inbox.
///
/// A stop first closes an inbox with ForEvents or ForNew and a time limit, and finally with AtOnce. Only the
/// first time limit counts: closing again does not give the consumer more time.
///
/// In between, a producer may still be working or waiting for room. What it puts is dropped, unless it is a
/// final result that may pass, but its events are kept for the last sample of the lane. Events that are left
/// at the end, or arrive after it, count as lost if the stop was supposed to deliver events.
struct EndOfStop {
  bool closed = false;
  bool closes_soon = false;            // close() will follow, so a source that ends does not complete a batch
  bool takes_last = false;             // whether final results are still accepted after close()
  bool hands_over = false;             // whether events are delivered, so that undelivered ones count as lost
  DropCause cause = DropCause::Stop;   // recorded for samples that close() drops
  TimePoint until = TimePoint::min();  // until then, a closed inbox still gives samples and events

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
  /// Nothing more can be taken.
  [[nodiscard]] bool is_over(const Clock& clock) const { return closed && clock.now() >= until; }
  /// Returns true if the stop rejects a sample. `is_last`: it is a final result of a parent.
  [[nodiscard]] bool refuses(const Clock& clock, bool is_last) const {
    return closed && !(is_last && takes_last && !is_over(clock));
  }
  /// Returns `deadline`, or the end of the stop's time limit if that is earlier.
  [[nodiscard]] TimePoint limit(TimePoint deadline) const noexcept {
    return closed && until < deadline ? until : deadline;
  }
};

}  // namespace freshframe::core
