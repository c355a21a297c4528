// Limits samples per second, evenly spaced by the samples' own timestamps.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

namespace freshframe::core {

/// Chooses which samples of one source pass an edge with `max_rate`. There is a tick every 1 / rate seconds,
/// and a sample passes if its tick is due. A tick is due early by half of the source's mean interval (at most
/// half a tick), so that a source with jitter, or with exactly the edge's rate, does not lose samples that
/// are slightly early. After a gap, missed ticks are made up for, over four intervals of the source but at
/// least one tick. So losses at a source slightly faster than the edge do not lower the rate, and yet a long
/// gap is not followed by a burst. Not thread-safe.
///
/// Times are the source's, in seconds. A time far before the last one means that the clock was changed, and
/// the ticks start over; one slightly before it is from a reordered frame.
class Rate {
 public:
  explicit Rate(double rate) noexcept : step_(1 / rate) {}

  /// Call for every sample, in order. Returns whether a tick is due, which lasts until use().
  [[nodiscard]] bool reach_tick(double time) noexcept;
  /// Uses up the tick. Call when a sample for which reach_tick() was true passes.
  void use(double time) noexcept;
  /// Call when a sample with a due tick replaces a sample that waited for the consumer. Returns true if the
  /// consumer missed a tick, and false if only one of the two samples could have passed anyway.
  [[nodiscard]] bool misses(double time) noexcept;

 private:
  void follow(double time) noexcept;
  [[nodiscard]] double earliness() const noexcept;
  [[nodiscard]] double made_up() const noexcept;

  double step_;
  std::optional<double> tick_;
  std::optional<double> last_;  // the latest of the samples' times so far
  double mean_ = 0;             // mean interval of the source; 0 if unknown
  double missed_ = 0;           // like tick_, but also advanced by missed ticks
};

}  // namespace freshframe::core
