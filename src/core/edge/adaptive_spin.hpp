// Whether a thread that has to wait stays awake for a moment first.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace freshframe::core {

/// Tells the core that this thread spins.
void relax_core() noexcept;

/// One side of an edge, in the order worth_it(), spin(), waited(). Guarded by the mutex of the owner, but for
/// spin().
///
/// Note [Adaptive spinning]
/// To put a thread to sleep and to wake it costs both sides microseconds, more than everything else on an
/// edge. When samples come in a burst the other side is about to move anyway, so a thread that waits looks on
/// for about as long as a wake-up takes before it sleeps. Whether they come in a burst is told by the waits
/// before: a thread spins after waits that were short, and each spin in vain doubles how many of those it
/// wants to see. So a paced stream never spins, and one whose samples come a little too late for it spins
/// rarely.
class AdaptiveSpin {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kLongest{15};  // of a spin
  static constexpr std::chrono::microseconds kShort{40};    // a wait; two wake-ups and a little
  static constexpr int kMostPatience = 64;

  /// Whether the next wait begins with a spin.
  [[nodiscard]] bool worth_it() const noexcept { return short_waits_ >= patience_; }
  /// Spins until `moves` is no longer `seen`, or for kLongest.
  static void spin(const std::atomic<std::uint32_t>& moves, std::uint32_t seen) noexcept;
  /// A wait has ended after `time`. `slept`: it did not end with its spin.
  void waited(Clock::duration time, bool slept) noexcept;

 private:
  int short_waits_ = 0;  // in a row
  int patience_ = 1;     // how many of them it takes
};

}  // namespace freshframe::core
