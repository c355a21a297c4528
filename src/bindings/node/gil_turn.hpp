// A node thread's turn with the GIL: how long it lasts, and what it costs others.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "bindings/node/hold_sampler.hpp"
#include "core/pipeline/worker.hpp"

namespace freshframe::python {

/// Begins when the node's thread gets the GIL and ends when it lets it go. Of the node's thread.
///
/// Note [The length of a turn]
/// To let the GIL go and to take it back costs two threads a wake-up each as soon as another one wants it,
/// many times what a small node computes. So a node whose next sample already waits goes on with it, until
/// its turn has lasted kLongest: then others get the GIL as late as after one call of a node of that length.
class GilTurn {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kLongest{200};

  GilTurn() = default;
  GilTurn(const GilTurn&) = delete;
  GilTurn& operator=(const GilTurn&) = delete;
  ~GilTurn();

  /// The thread, without the GIL, has processed its last sample. May sleep, see Note [Leaving in a queue].
  void queue_to_leave();
  /// The thread, without the GIL, is about to ask for it. May sleep, see Note [Letting others in]. Returns when it
  /// is done.
  Clock::time_point let_others_in();
  /// The thread got the GIL, for which it had waited since `wanted`.
  void begin(core::Worker& worker, Clock::time_point wanted);
  /// The thread is about to let the GIL go.
  void end(core::Worker& worker);
  /// Whether there is time for one more sample.
  [[nodiscard]] bool has_time() const { return Clock::now() - began_ < kLongest; }

 private:
  Clock::time_point began_{};
  double computed_ = 0;   // the thread's processor time when the turn began, or at an earlier time
  bool was_long_ = true;  // the turn before this one
  bool let_in_ = false;   // whether the thread slept before this turn
  bool leaving_ = false;  // whether it has a place among those that leave
  HoldSampler::Seat seat_;
};

}  // namespace freshframe::python
