// Attempts at a live source: which losses another one answers, the waits before it, when a silent source is stalled, and the errors for which all would fail.
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

// An error of a live source for which another attempt would fail, too.

/// No permission, an unknown option, a size that the camera does not have.
class SourceRefused final : public SourceError {
 public:
  using SourceError::SourceError;
};

// The time after which a silent live source is shown as stalled.

/// Seconds without a packet before a stall: 1 s, or four intervals in a stream of few frames, and at most
/// half of `limit`, after which the source counts as lost. `interval`: seconds between two packets, 0 when it
/// is not known.
[[nodiscard]] inline double quiet_limit(double interval, double limit) {
  constexpr double kLeast = 1.0;
  constexpr double kIntervals = 4.0;
  return std::min(std::max(kLeast, kIntervals * interval), limit / 2);
}

// The waits of a lost source before its next attempts.

/// A seed that differs in each source. Not std::random_device: linked statically on Debian 12 that needs a
/// newer glibc than a wheel may.
inline unsigned random_seed() noexcept {
  unsigned seed = std::minstd_rand::default_seed;
  static_cast<void>(platform::random_bytes(std::as_writable_bytes(std::span(&seed, 1))));
  return seed;
}

/// 0.5 s, then twice as long each time, up to 10 s, each with up to 20 % less or more, so that many sources
/// of one server do not reconnect at the same moment. One thread.
class BackOff {
 public:
  explicit BackOff(unsigned seed) : random_(seed) {}

  /// Seconds to wait before the next attempt.
  double next() {
    const double seconds = std::clamp(base_ * jitter_(random_), kShortest, kLongest);
    base_ = std::min(base_ * 2, kLongest);
    return seconds;
  }
  /// Frames arrive again: the next loss starts from the shortest wait.
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
