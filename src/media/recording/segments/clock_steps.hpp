// Steps of the wall clock, found by comparison with the time since the machine was started.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <ctime>
#include <functional>
#include <utility>

namespace freshframe::media {

/// Both in seconds.
struct MachineClocks {
  std::function<double()> wall;     // CLOCK_REALTIME, which can be set
  std::function<double()> running;  // CLOCK_BOOTTIME, which counts on while the machine sleeps

  [[nodiscard]] static MachineClocks real() {
    const auto reader = [](clockid_t id) {
      return [id] {
        timespec time{};
        ::clock_gettime(id, &time);
        return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
      };
    };
    return {.wall = reader(CLOCK_REALTIME), .running = reader(CLOCK_BOOTTIME)};
  }
};

/// One thread.
class ClockSteps {
 public:
  explicit ClockSteps(MachineClocks clocks) : clocks_(std::move(clocks)), difference_(difference()) {}

  /// Seconds by which the wall clock was set since the last call; 0 for a minute or less.
  [[nodiscard]] double step() {
    constexpr double kSmallest = 60;  // corrections of a time server are smaller
    const double now = difference();
    const double by = now - difference_;
    difference_ = now;
    return std::abs(by) > kSmallest ? by : 0;
  }
  [[nodiscard]] double wall() const { return clocks_.wall(); }
  [[nodiscard]] double running() const { return clocks_.running(); }

 private:
  [[nodiscard]] double difference() const { return clocks_.wall() - clocks_.running(); }

  MachineClocks clocks_;
  double difference_;
};

}  // namespace freshframe::media
