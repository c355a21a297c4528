// Limits how many threads are in a section at the same time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/mutex.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

namespace freshframe::core {

/// Lets up to `places` threads in, in order of arrival. Thread-safe.
///
/// A thread inside may be waiting for one outside. So if no thread has entered or left for `patience`, the
/// number inside is doubled. Otherwise a waiting thread wakes at most twice: when it becomes the next one,
/// and when it gets its place. The others stay asleep, so the cost is linear in the number of threads.
class Turnstile {
 public:
  Turnstile(std::shared_ptr<const Clock> clock, std::size_t places, Seconds patience);

  /// Waits for a place.
  void enter();
  /// Call when the thread that entered leaves.
  void leave();

  /// Threads inside, threads waiting, and how often threads have gone to sleep in total.
  struct Counts {
    std::size_t inside = 0;
    std::size_t waiting = 0;
    std::uint64_t sleeps = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  struct Waiting {
    Condition called;
    bool inside = false;
  };

  void admit_locked(std::size_t count) FRESHFRAME_REQUIRES(mutex_);
  void wait_locked(Waiting& self) FRESHFRAME_REQUIRES(mutex_);

  const std::shared_ptr<const Clock> clock_;
  const std::size_t places_;
  const TimePoint::duration patience_;

  mutable Mutex mutex_;
  std::deque<Waiting*> queue_ FRESHFRAME_GUARDED_BY(mutex_);
  std::size_t inside_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  TimePoint moved_ FRESHFRAME_GUARDED_BY(mutex_){};  // when a thread last entered or left
  std::uint64_t sleeps_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
};

}  // namespace freshframe::core
