// Locks a mutex that is only held briefly.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include "core/edge/adaptive_spin.hpp"

namespace freshframe::core {

/// Spins before blocking: an inbox's mutex is held for less time than it takes a thread to fall asleep.
inline void lock_soon(Mutex& mutex) FRESHFRAME_ACQUIRES(mutex) {
  constexpr int kTries = 64;
  for (int i = 0; i < kTries; ++i) {
    if (mutex.try_lock()) return;
    relax_core();
  }
  mutex.lock();
}

}  // namespace freshframe::core
