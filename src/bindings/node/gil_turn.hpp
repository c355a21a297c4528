// A node thread's turn with the GIL: its length, and its cost for other threads.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include <chrono>

#include "bindings/node/hold_sampler.hpp"
#include "core/pipeline/runner/runner.hpp"

namespace freshframe::python {

/// Begins when the node's thread acquires the GIL and ends when it releases it. Used by the node's thread
/// only.
///
/// Note [The length of a turn]
/// As soon as another thread wants the GIL, releasing and acquiring it costs both threads a wake-up, many
/// times the work of a small node. So a node whose next sample already waits continues with it, until its
/// turn has lasted kLongest: then others wait for the GIL no longer than for one call of a node of that
/// length.
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
  /// The thread, without the GIL, is about to ask for it. May sleep, see Note [Letting others in]. Returns
  /// when it is released.
  Clock::time_point let_others_in();
  /// The thread has acquired the GIL, for which it had waited since `wanted`.
  void begin_turn(core::Runner& runner, Clock::time_point wanted);
  /// The thread is about to release the GIL.
  void end_turn(core::Runner& runner);
  /// Whether there is time for one more sample.
  [[nodiscard]] bool has_time() const { return Clock::now() - began_ < kLongest; }

 private:
  struct WayOut;

  Clock::time_point began_{};
  double computed_ = 0;        // the thread's processor time when an unseen turn began, or at an earlier time
  bool was_long_ = true;       // the turn before this one
  bool let_in_ = false;        // whether the thread slept before this turn
  WayOut* way_out_ = nullptr;  // on which it has a place
  HoldSampler::Seat seat_;
};

}  // namespace freshframe::python

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::python::GilTurn> = true;
