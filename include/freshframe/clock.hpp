// The one source of time: real, or simulated so that tests decide when time passes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>

namespace freshframe {

using TimePoint = std::chrono::steady_clock::time_point;
using Seconds = std::chrono::duration<double>;

/// Converts seconds to the clock's own unit. Larger values than about 146 years mean "forever" and become
/// 146 years, so that now() can be added to any result.
[[nodiscard]] std::chrono::steady_clock::duration to_duration(Seconds seconds) noexcept;

/// Returns the time and waits until a time. Thread-safe. The owner keeps it alive longer than any pipeline
/// that uses it.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual TimePoint now() const = 0;

  /// Unix time in seconds at `time`, as this machine's wall clock is set now.
  [[nodiscard]] virtual double unix_time(TimePoint time) const;

  /// Waits on `condition` until `ready()` or until `deadline`; returns ready(). `lock` is held on return.
  virtual bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                          TimePoint deadline, const std::function<bool()>& ready) const = 0;

  /// Sleeps until `deadline`; returns false at once when `stop` is requested.
  bool sleep_until(TimePoint deadline, const std::stop_token& stop) const;

  /// The machine's monotonic clock (CLOCK_MONOTONIC, the same as Python's time.monotonic()).
  [[nodiscard]] static std::shared_ptr<const Clock> real();
};

/// A clock that does not move until advance(). Waits on it re-read the time about every millisecond, so a
/// test needs no handshake with the threads that wait.
class SimulatedClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override;
  /// The time of the clock itself, unless set_wall_clock() was called.
  [[nodiscard]] double unix_time(TimePoint time) const override;
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, TimePoint deadline,
                  const std::function<bool()>& ready) const override;

  void advance(Seconds by);
  /// Sets the wall clock: `unix_seconds` is the time now.
  void set_wall_clock(double unix_seconds);
  /// Blocks until at least `count` threads wait on this clock, so that a test can rely on their waiting.
  void wait_for_sleepers(int count) const;

 private:
  std::atomic<std::chrono::steady_clock::rep> now_{0};
  std::atomic<double> unix_at_zero_{0};
  mutable std::atomic<int> sleepers_{0};
};

}  // namespace freshframe
