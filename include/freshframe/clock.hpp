// The clock of a pipeline: real, or simulated so that tests control the passing of time.
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

/// Converts seconds to clock ticks. Values above 146 years, such as infinity, are clamped to 146 years, so
/// that adding the result to now() cannot overflow.
[[nodiscard]] std::chrono::steady_clock::duration to_duration(Seconds seconds) noexcept;

/// Tells the time, and waits until a given time. Thread-safe. Must outlive every pipeline that uses it.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual TimePoint now() const = 0;

  /// Unix time in seconds at `time`, according to the current setting of this machine's wall clock.
  [[nodiscard]] virtual double unix_time(TimePoint time) const;

  /// Waits on `condition` until `ready()` is true or `deadline` passes. Returns ready(), with `lock` held.
  virtual bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                          TimePoint deadline, const std::function<bool()>& ready) const = 0;

  /// Sleeps until `deadline`. Returns false immediately if `stop` is requested.
  bool sleep_until(TimePoint deadline, const std::stop_token& stop) const;

  /// The machine's monotonic clock (CLOCK_MONOTONIC, the same as Python's time.monotonic()).
  [[nodiscard]] static std::shared_ptr<const Clock> real();
};

/// A clock that moves only with advance(). Waiting threads poll it about every millisecond, so a test does
/// not have to wake them.
class SimulatedClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override;
  /// Unix time starts at 0 with the clock, unless set_wall_clock() was called.
  [[nodiscard]] double unix_time(TimePoint time) const override;
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, TimePoint deadline,
                  const std::function<bool()>& ready) const override;

  void advance(Seconds by);
  /// Sets the Unix time of the current moment.
  void set_wall_clock(double unix_seconds);
  /// Blocks until at least `count` threads are waiting on this clock. Call it before advance().
  void wait_for_sleepers(int count) const;

 private:
  std::atomic<std::chrono::steady_clock::rep> now_{0};
  std::atomic<double> unix_at_zero_{0};
  mutable std::atomic<int> sleepers_{0};
};

}  // namespace freshframe
