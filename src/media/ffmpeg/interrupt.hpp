// Interrupts FFmpeg's blocking calls at a deadline or a stop, and detects that no data arrives.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/stats.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <stop_token>
#include <utility>

#include "core/real_deadline.hpp"

extern "C" {
#include <libavformat/avio.h>
}

namespace freshframe::media {

/// FFmpeg polls this about every 100 ms while it waits. One thread arms it and calls FFmpeg. The poll reads
/// atomics, the stop token and the real clock (a simulated clock cannot speed up a device). Once per stall it
/// locks SourceCounters to count it.
///
/// FFmpeg may turn an interruption into success, end of file or "invalid data", so check is_stopped() and
/// timed_out() after each call, whatever it returns.
class Interrupt {
 public:
  explicit Interrupt(std::stop_token stop = {}) : stop_(std::move(stop)) {}
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// Subsequent calls end after `seconds`, or at `deadline`.
  void arm(double seconds) { arm_at(core::real_deadline(Seconds(seconds))); }
  void arm_at(TimePoint deadline) {
    timed_out_.store(false, std::memory_order_relaxed);
    quiet_.store(kNever, std::memory_order_relaxed);
    deadline_.store(deadline.time_since_epoch().count(), std::memory_order_relaxed);
  }
  void disarm() { deadline_.store(kNever, std::memory_order_relaxed); }
  /// Ends the current call, and further ones until it is armed again. Thread-safe.
  void abandon() noexcept { deadline_.store(std::numeric_limits<Rep>::min(), std::memory_order_relaxed); }
  /// Ends the current and all later calls, independent of the deadline. Thread-safe.
  void end_call() noexcept { ended_.store(true, std::memory_order_relaxed); }
  /// Records a stall from `quiet` on, until it is armed again.
  void tell_stall(SourceCounters& book, TimePoint quiet) {
    book_.store(&book, std::memory_order_relaxed);
    quiet_.store(quiet.time_since_epoch().count(), std::memory_order_relaxed);
  }
  /// Ignores stops from now on, and allows `seconds` to close the session with the server.
  void arm_closing(double seconds) {
    closing_.store(true, std::memory_order_relaxed);
    arm(seconds);
  }

  /// Waits until a time on the real clock. Returns false if FFmpeg's calls would be interrupted before then.
  [[nodiscard]] bool wait_until(TimePoint until) {
    // the interval at which FFmpeg polls, too; only a stop wakes the thread earlier
    constexpr Seconds kTurn{0.1};
    while (poll(this) == 0) {
      const auto now = std::chrono::steady_clock::now();
      if (now >= until) return true;
      static_cast<void>(Clock::real()->sleep_until(std::min(until, now + to_duration(kTurn)), stop_));
    }
    return false;
  }
  /// Polls once. For loops in which FFmpeg never waits, because it polls only while it waits.
  void look() noexcept { static_cast<void>(poll(this)); }
  [[nodiscard]] bool is_stopped() const noexcept { return stop_.stop_requested(); }
  [[nodiscard]] bool timed_out() const noexcept { return timed_out_.load(std::memory_order_relaxed); }
  /// Returns true if FFmpeg's calls would end immediately.
  [[nodiscard]] bool has_ended() const noexcept {
    return ended_.load(std::memory_order_relaxed) || is_stopped() || timed_out();
  }
  [[nodiscard]] AVIOInterruptCB callback() noexcept { return {&Interrupt::poll, this}; }

 private:
  using Rep = std::chrono::steady_clock::rep;
  static constexpr auto kNever = std::numeric_limits<Rep>::max();

  static int poll(void* opaque) noexcept {
    auto& self = *static_cast<Interrupt*>(opaque);
    if (!self.closing_.load(std::memory_order_relaxed) && self.stop_.stop_requested()) return 1;
    if (self.ended_.load(std::memory_order_relaxed)) return 1;
    const Rep now = std::chrono::steady_clock::now().time_since_epoch().count();
    if (now >= self.quiet_.load(std::memory_order_relaxed)) {
      self.quiet_.store(kNever, std::memory_order_relaxed);
      self.book_.load(std::memory_order_relaxed)->stall();
    }
    if (now < self.deadline_.load(std::memory_order_relaxed)) return 0;
    self.timed_out_.store(true, std::memory_order_relaxed);
    return 1;
  }

  const std::stop_token stop_;
  std::atomic<Rep> deadline_{kNever};
  std::atomic<Rep> quiet_{kNever};
  std::atomic<SourceCounters*> book_{nullptr};
  std::atomic<bool> timed_out_{false};
  std::atomic<bool> closing_{false};
  std::atomic<bool> ended_{false};
};

}  // namespace freshframe::media
