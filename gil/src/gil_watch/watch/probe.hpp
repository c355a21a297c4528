// The one thread of a watch that asks for the GIL, and its state shared with the watcher, which never asks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "gil_watch/watch/stall.hpp"

namespace freshframe::gil {

/// The watcher asks. The probe's thread wakes, acquires the GIL and records the time. The duration is the
/// time that any other thread would have waited. Thread-safe.
class Probe {
 public:
  enum class Wake { Asked, Pending, Stop };

  // ---- the watcher's side

  /// Wakes the probe's thread, if it sleeps.
  void ask();
  void stop();
  /// The beginning of the probe thread's wait for the GIL; zero: it does not wait.
  [[nodiscard]] Clock::time_point waiting_since() const;
  /// The time of its last acquisition.
  [[nodiscard]] Clock::time_point taken_at() const;

  // ---- the probe's side; the first without the GIL

  /// Sleeps until a request, until `pending()` or until the stop. The wait for the GIL counts from the return
  /// of this function.
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
  /// Call it with the GIL, which the thread has held since `now`.
  void taken(Clock::time_point now);
  /// Something is pending.
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
