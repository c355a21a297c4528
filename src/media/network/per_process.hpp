// An object that exists once per process, from its first use to the end. The child of a fork gets its own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include <pthread.h>

namespace freshframe::media {

/// Never destroyed: threads that were left behind may outlive static objects. The child of a fork has none of
/// the parent's threads, and may have been forked while one of them held a lock: it begins with a new T. Any
/// thread.
template <class T>
class PerProcess {
 public:
  static T& get() {
    static const bool made = [] {
      renew();
      return pthread_atfork(nullptr, nullptr, &renew) == 0;
    }();
    static_cast<void>(made);
    return *current_.load(std::memory_order_acquire);
  }

 private:
  static void renew() { current_.store(new T(), std::memory_order_release); }

  static inline std::atomic<T*> current_{nullptr};
};

}  // namespace freshframe::media
