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

  /// Called without the GIL after the thread's last sample. May sleep, see Note [Leaving in a queue].
  void queue_to_leave();
  /// Called without the GIL, before the thread asks for it. May sleep, see Note [Letting others in]. Returns
  /// the time afterwards.
  Clock::time_point let_others_in();
  /// Called after the thread has acquired the GIL, for which it had waited since `wanted`.
  void begin_turn(core::Runner& runner, Clock::time_point wanted);
  /// Called before the thread releases the GIL.
  void end_turn(core::Runner& runner);
  /// Returns true if there is time for one more sample.
  [[nodiscard]] bool has_time() const { return Clock::now() - began_ < kLongest; }

 private:
  struct WayOut;

  Clock::time_point began_{};
  double computed_ = 0;   // the thread's CPU time when a turn without sampling began, or at an earlier time
  bool was_long_ = true;  // whether the previous turn was long
  bool let_in_ = false;   // whether the thread slept before this turn
  WayOut* way_out_ = nullptr;  // the queue in which the thread has a place
  HoldSampler::Seat seat_;
};

}  // namespace freshframe::python

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::python::GilTurn> = true;
