// The time for which an agent may keep sessions at cameras that allow one; arithmetic only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace freshframe::fleet {

/// By CLOCK_BOOTTIME, which continues while the machine sleeps.
using BootTime = std::chrono::nanoseconds;

[[nodiscard]] BootTime boot_now() noexcept;

struct LeaseTimes {
  BootTime renew = std::chrono::milliseconds(500);   // from one renewal to the next
  BootTime close = std::chrono::milliseconds(1200);  // sources close their sessions
  BootTime exit = std::chrono::milliseconds(1700);   // the process ends while a session is open
  BootTime end = std::chrono::milliseconds(2000);    // another agent may get the camera
};

/// Counted from the moment before the latest answered renewal was sent. Any thread.
class Lease {
 public:
  explicit Lease(LeaseTimes times) noexcept : times_(times) {}

  /// Answers may arrive late and never shorten the lease.
  void renew(BootTime asked) noexcept;
  /// Whether sessions may be open.
  [[nodiscard]] bool is_open(BootTime now) const noexcept { return now < from() + times_.close; }
  [[nodiscard]] bool has_to_exit(BootTime now) const noexcept { return now >= from() + times_.exit; }
  /// Whether this agent may report a picture that was captured at that time.
  [[nodiscard]] bool covers(BootTime captured) const noexcept { return captured < from() + times_.end; }
  [[nodiscard]] BootTime exits_at() const noexcept { return from() + times_.exit; }
  [[nodiscard]] const LeaseTimes& times() const noexcept { return times_; }

 private:
  [[nodiscard]] BootTime from() const noexcept { return BootTime(asked_ns_.load(std::memory_order_acquire)); }

  const LeaseTimes times_;
  std::atomic<std::int64_t> asked_ns_{-3'600'000'000'000};  // long over
};

/// The rate of an agent's results, and the time between two batches of one reader that follows from it. Few
/// results are sent at once, because a batch would have one of them anyway. Many are gathered, because the
/// controller's work is per batch. One thread at a time.
class Flow {
 public:
  /// `longest`: the most time between two batches.
  Flow(BootTime longest, BootTime now) noexcept : longest_(longest), noted_(now) {}
  /// `results`: how many there have been by now.
  void note(std::uint64_t results, BootTime now) noexcept;
  [[nodiscard]] BootTime between_batches() const noexcept;

 private:
  BootTime longest_;
  BootTime noted_;
  std::uint64_t results_ = 0;
  double per_second_ = 0;
};

}  // namespace freshframe::fleet
