// The one thread of a watch that asks for the GIL: what it shares with the watcher, which never does.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "gil_watch/watch/stall.hpp"

namespace freshframe::gil {

/// The watcher asks; the probe's thread wakes, takes the GIL and says when it had it. How long that took is
/// what any other thread would have waited. Thread-safe.
class Probe {
 public:
  enum class Wake { Asked, Pending, Stop };

  // ---- the watcher's side

  /// Wakes the probe's thread, if it sleeps.
  void ask();
  void stop();
  /// Since when the probe's thread has been waiting for the GIL; zero: it is not.
  [[nodiscard]] Clock::time_point waiting_since() const;
  /// When it last got it.
  [[nodiscard]] Clock::time_point taken_at() const;

  // ---- the probe's side; the first without the GIL

  /// Sleeps until it is asked, until `pending()` or until the stop. The wait for the GIL counts from when
  /// this returns.
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
  /// With the GIL, which the thread has had since `now`.
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
