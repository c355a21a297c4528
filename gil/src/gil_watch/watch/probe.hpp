// The only thread of a watch that requests the GIL, and the state it shares with the watcher, which never
// does.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "gil_watch/watch/stall.hpp"

namespace freshframe::gil {

/// When the watcher asks, the probe's thread wakes, acquires the GIL and records the time that took, which is
/// how long any other thread would have waited. Thread-safe.
class Probe {
 public:
  enum class Wake { Asked, Pending, Stop };

  // ---- called by the watcher

  /// Wakes the probe's thread if it sleeps.
  void ask();
  void stop();
  /// Returns the time at which the probe's thread began to wait for the GIL, or zero if it is not waiting.
  [[nodiscard]] Clock::time_point waiting_since() const;
  /// The time at which the probe's thread last acquired the GIL.
  [[nodiscard]] Clock::time_point taken_at() const;

  // ---- called by the probe's thread; the first method without the GIL

  /// Sleeps until a request, until `pending()` returns true, or until the stop. The wait for the GIL is
  /// counted from the return of this function.
  template <class Pending>
  Wake sleep(Pending&& pending) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return asked_ || stopped_ || pending(); });
    const Wake why = stopped_ ? Wake::Stop : asked_ ? Wake::Asked : Wake::Pending;
    asked_ = false;
    lock.unlock();
    waiting_since_.store(Clock::now().time_since_epoch().count(), std::memory_order_release);
    return why;
  }
  /// Must be called with the GIL, which the thread has held since `now`.
  void taken(Clock::time_point now);
  /// Wakes the thread because something is pending.
  void wake();

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool asked_ = false;    // guarded by mutex_
  bool stopped_ = false;  // guarded by mutex_
  std::atomic<Clock::rep> waiting_since_{0};
  std::atomic<Clock::rep> taken_at_{0};
};

}  // namespace freshframe::gil
