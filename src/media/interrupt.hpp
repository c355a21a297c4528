// Ends FFmpeg's blocking calls: at a deadline, or when the pipeline stops.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <atomic>
#include <chrono>
#include <limits>
#include <stop_token>
#include <utility>

extern "C" {
#include <libavformat/avio.h>
}

namespace freshframe {

/// FFmpeg polls it about every 100 ms while it waits. One thread arms it and calls FFmpeg; the poll reads an
/// atomic, the stop token and the real clock only (a simulated clock cannot hurry a device).
///
/// FFmpeg may turn an interruption into success, end of file or "invalid data": ask stopped() and timed_out()
/// after each call, whatever it returned.
class Interrupt {
 public:
  Interrupt() = default;
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  void arm(double seconds, std::stop_token stop) {
    stop_ = std::move(stop);
    timed_out_.store(false, std::memory_order_relaxed);
    const auto limit = std::chrono::steady_clock::now() + to_duration(Seconds(seconds));
    deadline_.store(limit.time_since_epoch().count(), std::memory_order_relaxed);
  }
  void disarm() { deadline_.store(kNever, std::memory_order_relaxed); }

  [[nodiscard]] bool stopped() const noexcept { return stop_.stop_requested(); }
  [[nodiscard]] bool timed_out() const noexcept { return timed_out_.load(std::memory_order_relaxed); }
  [[nodiscard]] AVIOInterruptCB callback() noexcept { return {&Interrupt::poll, this}; }

 private:
  static constexpr auto kNever = std::numeric_limits<std::chrono::steady_clock::rep>::max();

  static int poll(void* opaque) noexcept {
    auto& self = *static_cast<Interrupt*>(opaque);
    if (self.stop_.stop_requested()) return 1;
    const auto deadline = self.deadline_.load(std::memory_order_relaxed);
    if (std::chrono::steady_clock::now().time_since_epoch().count() < deadline) return 0;
    self.timed_out_.store(true, std::memory_order_relaxed);
    return 1;
  }

  std::stop_token stop_;
  std::atomic<std::chrono::steady_clock::rep> deadline_{kNever};
  std::atomic<bool> timed_out_{false};
};

}  // namespace freshframe
