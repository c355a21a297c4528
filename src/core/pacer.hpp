// The schedule of a paced source: frame n is due at t0 + n / fps.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <stop_token>

namespace freshframe::core {

/// Behaves like a camera with a buffer for one frame: a late reader gets the newest frame that is due, and
/// misses the ones before it. t0 is the time of the first next(). Not thread-safe; next() blocks.
class Pacer {
 public:
  struct Tick {
    std::int64_t n = 0;
    TimePoint due{};           // when the frame was due; never later than the time at which next() returned
    std::uint64_t missed = 0;  // frames between the previous tick and this one
  };

  /// `frames`: total number of frames. Even a late reader gets the last one.
  explicit Pacer(double fps, std::optional<std::int64_t> frames = std::nullopt)
      : fps_(fps), frames_(frames) {}

  /// Waits until a frame is due. Returns nullopt after a stop, or once all frames are delivered.
  std::optional<Tick> next(const Clock& clock, const std::stop_token& stop) {
    if (stop.stop_requested() || (frames_ && next_ >= *frames_)) return std::nullopt;
    if (!started_) start_ = clock.now();
    started_ = true;
    const auto newest = static_cast<std::int64_t>(std::floor(Seconds(clock.now() - start_).count() * fps_));
    const std::int64_t n = std::max(next_, frames_ ? std::min(newest, *frames_ - 1) : newest);
    if (!clock.sleep_until(due(n), stop)) return std::nullopt;
    const auto missed = static_cast<std::uint64_t>(n - next_);
    next_ = n + 1;
    return Tick{n, std::min(due(n), clock.now()), missed};
  }

 private:
  [[nodiscard]] TimePoint due(std::int64_t n) const {
    return start_ + to_duration(Seconds(static_cast<double>(n) / fps_));
  }

  double fps_;
  std::optional<std::int64_t> frames_;
  TimePoint start_{};
  bool started_ = false;
  std::int64_t next_ = 0;
};

}  // namespace freshframe::core
