// A lock of a mutex that is always free soon.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include "core/edge/adaptive_spin.hpp"

namespace freshframe::core {

/// An inbox's mutex is held for a shorter time than a thread needs to go to sleep, so a short wait for it is
/// a spin.
inline void lock_soon(Mutex& mutex) FRESHFRAME_ACQUIRES(mutex) {
  constexpr int kTries = 64;
  for (int i = 0; i < kTries; ++i) {
    if (mutex.try_lock()) return;
    relax_core();
  }
  mutex.lock();
}

}  // namespace freshframe::core
