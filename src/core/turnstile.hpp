// Lets a few of many threads pass at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/mutex.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

namespace freshframe::core {

/// Lets threads in, `places` at a time, in the order in which they came. Thread-safe.
///
/// A thread inside may wait for one outside. So when no thread has entered or left for `patience`, as many
/// more enter as are inside. While others move, a waiting thread wakes at most twice: when it becomes the
/// next one, and when it gets its place. The others stay asleep, so the cost is proportional to the number of
/// threads.
class Turnstile {
 public:
  Turnstile(std::shared_ptr<const Clock> clock, std::size_t places, Seconds patience);

  /// Waits for a place.
  void enter();
  /// The thread that entered has left.
  void leave();

  /// The threads inside, the waiting threads, and the total number of times that threads went to sleep.
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
  TimePoint moved_ FRESHFRAME_GUARDED_BY(mutex_){};  // when a thread entered or left
  std::uint64_t sleeps_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
};

}  // namespace freshframe::core
