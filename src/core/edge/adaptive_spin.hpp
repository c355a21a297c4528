// Decides whether a thread that has to wait spins for a moment before it sleeps.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace freshframe::core {

/// Tells the CPU that this thread is spinning.
void relax_core() noexcept;

/// Used by one side of an edge for each wait: worth_it() decides whether to start with a Spin, and
/// note_wait() records the wait. Guarded by the owner's mutex.
///
/// Note [Adaptive spinning]
/// Putting a thread to sleep and waking it costs both sides microseconds, more than everything else on an
/// edge. In a burst of samples the other side is about to act anyway, so a waiting thread spins for about the
/// duration of a wake-up before it sleeps. Previous waits show whether there is a burst: a thread spins after
/// short waits, and each unsuccessful spin doubles the number of short waits required before the next. So a
/// paced stream never spins, and one whose samples arrive slightly too late rarely does.
class AdaptiveSpin {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kLongest{15};
  static constexpr std::chrono::microseconds kShort{40};  // a short wait: up to about two wake-ups
  static constexpr int kMostPatience = 64;

  /// The spinning phase of one wait. Can be resumed after a change that did not bring what the thread waits
  /// for. Needs no lock.
  class Spin {
   public:
    /// Spins until `moves` differs from `seen`, then returns true. Returns false once the spin has lasted for
    /// kLongest.
    [[nodiscard]] bool until_moved(const std::atomic<std::uint32_t>& moves, std::uint32_t seen) noexcept;
    /// Duration of the spin; 0 if it was too short to read the clock, which itself takes as long as a short
    /// wait.
    [[nodiscard]] Clock::duration time() const noexcept { return now_ - began_; }

   private:
    /// Iterations without reading the clock, some hundred nanoseconds.
    static constexpr int kWithoutClock = 16;

    int looks_ = 0;
    Clock::time_point began_{};
    Clock::time_point now_{};
  };

  /// Returns true if the next wait should start with a spin.
  [[nodiscard]] bool worth_it() const noexcept { return short_waits_ >= patience_; }
  /// Records a wait. `slept`: the spin was not long enough, so the thread had to sleep.
  void note_wait(Clock::duration time, bool slept) noexcept;

 private:
  int short_waits_ = 0;  // consecutive
  int patience_ = 1;     // short waits required before a spin
};

}  // namespace freshframe::core
