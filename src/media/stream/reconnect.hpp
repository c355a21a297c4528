// Reconnection policy of live sources: delays between attempts, stall detection and errors that are final.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>

#include "platform/random.hpp"

namespace freshframe::media {

/// An error of a live source that another attempt would not fix, for example missing permissions, an unknown
/// option, or a size that the camera does not have.
class SourceRefused final : public SourceError {
 public:
  using SourceError::SourceError;
};

// Time without data after which a live source is shown as stalled.

/// Seconds without a packet before a stall: 1 s, or four intervals at low frame rates, and at most half of
/// `limit`, after which the source counts as lost. `interval`: seconds between packets, 0 if unknown.
[[nodiscard]] inline double quiet_limit(double interval, double limit) {
  constexpr double kLeast = 1.0;
  constexpr double kIntervals = 4.0;
  return std::min(std::max(kLeast, kIntervals * interval), limit / 2);
}

// Delays of a lost source before its next attempts.

/// Returns a seed that differs for each source. std::random_device, linked statically on Debian 12, would
/// need a newer glibc than wheels may require.
inline unsigned random_seed() noexcept {
  unsigned seed = std::minstd_rand::default_seed;
  static_cast<void>(platform::random_bytes(std::as_writable_bytes(std::span(&seed, 1))));
  return seed;
}

/// The delay before the next attempt: 0.5 s, doubled each time up to 10 s, with a jitter of 20 %, so that
/// many sources of one server do not reconnect at the same moment. Not thread-safe.
class BackOff {
 public:
  explicit BackOff(unsigned seed) : random_(seed) {}

  /// Returns the seconds to wait before the next attempt.
  double next() {
    const double seconds = std::clamp(base_ * jitter_(random_), kShortest, kLongest);
    base_ = std::min(base_ * 2, kLongest);
    return seconds;
  }
  /// Call when frames arrive again: the next loss starts with the shortest delay.
  void reset() noexcept { base_ = kShortest; }

  static constexpr double kShortest = 0.5;  // seconds
  static constexpr double kLongest = 10.0;

 private:
  double base_ = kShortest;
  std::minstd_rand random_;
  std::uniform_real_distribution<double> jitter_{0.8, 1.2};
};

enum class Reconnect : std::uint8_t { Never, AfterItsFirstFrame, Always };

[[nodiscard]] inline Reconnect make_reconnect(const OpenOptions& options) noexcept {
  return options.reconnect.value_or(true) ? Reconnect::Always : Reconnect::Never;
}

}  // namespace freshframe::media
