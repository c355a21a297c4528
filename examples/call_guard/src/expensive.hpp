// The expensive function: it knows nothing of Python.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <numeric>
#include <span>
#include <thread>

/// Counts the calls that are in expensive() now, and the maximum at the same time.
class Presence {
 public:
  void enter() {
    const int now = ++inside_;
    for (int most = most_; most < now && !most_.compare_exchange_weak(most, now);) {
    }
  }
  void leave() { --inside_; }
  /// Returns the maximum since the previous call of this function.
  int take_most() { return most_.exchange(0); }

 private:
  std::atomic<int> inside_{0};
  std::atomic<int> most_{0};
};

inline Presence presence;

/// CPU time of this thread, in seconds.
inline double thread_seconds() {
  std::timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Returns the sum of `numbers` after `seconds` of waiting (as for a disk or a device) or, with `compute`, of CPU time.
inline std::int64_t expensive(std::span<const std::int64_t> numbers, double seconds, bool compute) {
  presence.enter();
  const auto sum = std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0});
  if (compute) {
    for (const double end = thread_seconds() + seconds; thread_seconds() < end;) {
    }
  } else {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }
  presence.leave();
  return sum;
}
