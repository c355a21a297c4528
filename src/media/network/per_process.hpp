// An object that exists once per process, from the library's load to the end. The child of a fork gets its own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include <pthread.h>

namespace freshframe::media {

/// Never destroyed: threads that were left behind may outlive static objects. The child of a fork has none of
/// the parent's threads, and may have been forked while one of them held a lock: it begins with a new T. Any
/// thread, but not before the static objects are made.
template <class T>
class PerProcess {
 public:
  static T& get() {
    static_cast<void>(made);  // a static member of a template exists only where it is named
    return *current.load(std::memory_order_acquire);
  }

 private:
  static void renew() noexcept { current.store(new T(), std::memory_order_release); }
  static bool begin() noexcept {
    renew();
    return pthread_atfork(nullptr, nullptr, &renew) == 0;
  }

  static inline std::atomic<T*> current{nullptr};
  // While the library is loaded. At the first use it would be too late for a fork that has begun on another thread.
  static inline const bool made = begin();
};

}  // namespace freshframe::media
