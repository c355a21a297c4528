// Holds a ranked mutex during a fork, which may lock many mutexes of the same rank; other code must not.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/forks.hpp"
#include "freshframe/mutex.hpp"

namespace freshframe::core {

/// Declare it after the mutex of an object, so that forks wait for the mutex.
class ForkHold {
 public:
  explicit ForkHold(Mutex& mutex, LockRank rank = LockRank::Leaf)
      : unranked_{mutex, rank},
        hold_(unranked_, rank == LockRank::Conversion ? forks::Order::Conversion : forks::Order::Leaf) {}

 private:
  struct Unranked {
    FRESHFRAME_THREAD_SAFETY(no_thread_safety_analysis) void lock() {
      mutex.lock();
      note_unlock(rank);
    }
    FRESHFRAME_THREAD_SAFETY(no_thread_safety_analysis) void unlock() {
      note_lock(rank);
      mutex.unlock();
    }
    Mutex& mutex;
    LockRank rank;
  };

  Unranked unranked_;
  forks::Hold<Unranked> hold_;
};

}  // namespace freshframe::core
