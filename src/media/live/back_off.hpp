// The waits of a lost source before its next attempts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <random>

#include <sys/random.h>

namespace freshframe::media {

/// A seed that differs in each source. Not std::random_device: linked statically on Debian 12 that needs a
/// newer glibc than a wheel may.
inline unsigned random_seed() noexcept {
  unsigned seed = std::minstd_rand::default_seed;
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) < 0) return std::minstd_rand::default_seed;
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

}  // namespace freshframe::media
