// gil::Mutex, a mutex that no thread may hold while it waits for the GIL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil/interpreter.hpp"
#include "freshframe/gil/python_free.hpp"

#include <mutex>

namespace freshframe::gil {

/// A std::mutex. With FRESHFRAME_GIL_CHECKS, the process is aborted if a thread waits for the GIL while it
/// has one locked: another thread that holds the GIL and wants the mutex would wait forever. A thread that
/// needs both takes the GIL first.
class Mutex {
 public:
  void lock() {
    mutex_.lock();
    ++detail::locks_of_this_thread();
  }
  bool try_lock() {
    const bool locked = mutex_.try_lock();
    if (locked) ++detail::locks_of_this_thread();
    return locked;
  }
  void unlock() {
    --detail::locks_of_this_thread();
    mutex_.unlock();
  }

 private:
  std::mutex mutex_;
};

template <>
inline constexpr bool python_free<Mutex> = true;

}  // namespace freshframe::gil
