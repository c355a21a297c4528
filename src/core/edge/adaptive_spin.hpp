// The decision whether a thread that has to wait spins for a moment first.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace freshframe::core {

/// Hints to the processor core that this thread spins.
void relax_core() noexcept;

/// One side of an edge, in the order worth_it(), a Spin, note_wait(). Guarded by the owner's mutex.
///
/// Note [Adaptive spinning]
/// Putting a thread to sleep and waking it costs both sides microseconds, more than everything else on an
/// edge. In a burst of samples the other side is about to move anyway, so a waiting thread spins for about
/// the time of a wake-up before it sleeps. The waits before show whether there is a burst: a thread spins
/// after short waits, and each spin in vain doubles the number of short waits that it requires. So a paced
/// stream never spins, and one whose samples arrive a little too late spins rarely.
class AdaptiveSpin {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kLongest{15};  // the longest spin
  static constexpr std::chrono::microseconds kShort{40};    // a wait; a little more than two wake-ups
  static constexpr int kMostPatience = 64;

  /// One spin, which may look at several moves. Not guarded.
  class Spin {
   public:
    /// Spins until `moves` is no longer `seen`; false means the spin has lasted for kLongest.
    [[nodiscard]] bool until_moved(const std::atomic<std::uint32_t>& moves, std::uint32_t seen) noexcept;
    /// The wait's duration; 0: it was too short for a reading of the clock, which takes as long as a short
    /// wait.
    [[nodiscard]] Clock::duration time() const noexcept { return now_ - began_; }

   private:
    static constexpr int kWithoutClock = 16;  // looks, some hundred nanoseconds

    int looks_ = 0;
    Clock::time_point began_{};
    Clock::time_point now_{};
  };

  /// Whether the next wait begins with a spin.
  [[nodiscard]] bool worth_it() const noexcept { return short_waits_ >= patience_; }
  /// A wait has ended after `time`. `slept`: not during its spin.
  void note_wait(Clock::duration time, bool slept) noexcept;

 private:
  int short_waits_ = 0;  // in a row
  int patience_ = 1;     // the number of them before a spin
};

}  // namespace freshframe::core
