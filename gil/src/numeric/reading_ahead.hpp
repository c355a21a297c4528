// How far ahead of the additions memory is requested: found out while adding.
// SPDX-License-Identifier: Apache-2.0
//
// Note [Reading ahead]
// A processor reads memory ahead of a program within the distance that it can look ahead in the instructions. A plain
// sum needs one operation per vector. A sum with its errors needs five, so only a fifth of that distance is in sight.
// On some processors memory then waits, and a request far ahead, beyond the page, makes the sum as fast as a plain one
// (Zen 5 at its desktop clock, Skylake). On others the processor's own prefetcher already reads that far, and the
// requests get in its way: an EPYC reads 160 MB at .98 of a plain sum without them, and at .75 with them. No property
// that a program can ask for tells the two apart, so long sums try both and keep the faster one. Four streams per chunk,
// one per quarter, were slower than either.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace freshframe::numeric {

/// The distances in bytes. 0 asks for what is being read, which costs and gains nothing. The other is more than a
/// page, so that the next page's address is translated before it is needed.
inline constexpr std::array<std::uintptr_t, 2> kDistances = {0, 6144};

/// The choice of one sum of many chunks. Thread-safe.
class ReadingAhead {
 public:
  /// The distance for a chunk. The first chunks of each kPeriod try both.
  [[nodiscard]] std::uintptr_t distance(std::int64_t chunk) const noexcept {
    return kDistances[is_trial(chunk) ? static_cast<std::size_t>(chunk % 2) : best()];
  }
  /// Calls `work(distance)`, which adds a whole chunk, and measures it if it is a trial.
  template <class Work>
  void add(std::int64_t chunk, const Work& work) noexcept {
    if (!is_trial(chunk)) return work(distance(chunk));
    const auto begin = std::chrono::steady_clock::now();
    work(distance(chunk));
    const auto took = (std::chrono::steady_clock::now() - begin).count();
    auto& least = least_[static_cast<std::size_t>(chunk % 2)];
    auto known = least.load(std::memory_order_relaxed);
    while (took < known && !least.compare_exchange_weak(known, took, std::memory_order_relaxed)) {
    }
  }

 private:
  // The very first chunk is left out: it pays for the caches and the code. Least times, because a thread that loses its
  // core for a moment says nothing about memory.
  static constexpr std::int64_t kPeriod = 128;
  static constexpr std::int64_t kTrials = 8;
  static bool is_trial(std::int64_t chunk) noexcept { return chunk > 0 && chunk % kPeriod < kTrials; }
  // Others than the first only if they are clearly faster.
  [[nodiscard]] std::size_t best() const noexcept {
    const auto first = least_[0].load(std::memory_order_relaxed);
    const auto second = least_[1].load(std::memory_order_relaxed);
    return second < first - first / 64 ? 1 : 0;
  }

  static constexpr std::int64_t kNone = std::int64_t{1} << 62;
  std::array<std::atomic<std::int64_t>, 2> least_{kNone, kNone};
};

}  // namespace freshframe::numeric
