// At most a given number of samples per second, evenly by their own times.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

namespace freshframe::core {

/// Which samples of one source pass an edge with `max_rate`. Ticks are 1 / rate seconds apart, and a sample passes
/// when its tick has come. So that a source with jitter, and a source with exactly the edge's rate, loses none by
/// being early, a tick comes half of the source's mean interval before its time, at most half of the tick's interval.
/// After a gap the ticks of four intervals of the source are made up for, and one tick at least. So the losses of a
/// source whose rate is a little above the edge's rate do not lower it, and no burst follows a long gap. Not
/// thread-safe.
///
/// Times are the source's, in seconds. A time that is far before the last one is of another clock and begins again; a
/// time that is a little before it is of a picture that is shown in another order.
class Rate {
 public:
  explicit Rate(double rate) noexcept : step_(1 / rate) {}

  /// Follows the time of each sample in turn. Returns whether its tick has come: the tick stays until use().
  [[nodiscard]] bool reach_tick(double time) noexcept;
  /// A sample of that time, for which reach_tick() was true, has passed.
  void use(double time) noexcept;
  /// A sample of `time`, for which reach_tick() is true, takes the place of a sample that waited for the consumer.
  /// True means the consumer has missed a tick. False means only one of the two could have passed.
  [[nodiscard]] bool misses(double time) noexcept;

 private:
  void follow(double time) noexcept;
  [[nodiscard]] double earliness() const noexcept;
  [[nodiscard]] double made_up() const noexcept;

  double step_;
  std::optional<double> tick_;
  std::optional<double> last_;  // the greatest time so far
  double mean_ = 0;             // interval of the source; 0 if not known
  double missed_ = 0;           // as tick_, but missed ones have passed
};

}  // namespace freshframe::core
