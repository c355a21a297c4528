// Mutex, Lock and Condition of the standard library, annotated for clang's -Wthread-safety.
//
// Members declare the mutex that guards them, and the compiler proves that it is held. ./dev lint runs this
// check.
//
// Mutexes have ranks; a thread must lock them in ascending order, and must not hold any while calling foreign
// code. A build with FRESHFRAME_CHECK_LOCKS (every sanitizer build) aborts with a message when one of these
// rules is broken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <condition_variable>
#include <cstdint>
#include <mutex>

#ifdef __clang__
#define FRESHFRAME_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define FRESHFRAME_THREAD_SAFETY(attribute)
#endif

/// A member that may only be accessed with this mutex held.
#define FRESHFRAME_GUARDED_BY(mutex) FRESHFRAME_THREAD_SAFETY(guarded_by(mutex))
/// A function whose caller must hold this mutex.
#define FRESHFRAME_REQUIRES(mutex) FRESHFRAME_THREAD_SAFETY(requires_capability(mutex))
/// A function that locks this mutex and returns with it held.
#define FRESHFRAME_ACQUIRES(mutex) FRESHFRAME_THREAD_SAFETY(acquire_capability(mutex))

namespace freshframe {

/// The lock order. A thread that holds a mutex may only lock mutexes of higher rank.
enum class LockRank : std::uint8_t {
  Graph,       // the lists of nodes and readers, and other mutexes that are held while a leaf is locked
  Conversion,  // converting a frame to another format
  Place,       // the accounting of held frames
  Leaf,        // everything else: no other mutex is locked while it is held
};

namespace core {
#ifdef FRESHFRAME_CHECK_LOCKS
/// Records that this thread locks or unlocks a mutex of this rank.
void note_lock(LockRank rank);
void note_unlock(LockRank rank) noexcept;
/// Call before foreign code, such as a node, runs on this thread. Aborts if the thread holds a mutex.
void expect_no_lock();
#else
inline void note_lock(LockRank /*rank*/) {}
inline void note_unlock(LockRank /*rank*/) noexcept {}
inline void expect_no_lock() {}
#endif
}  // namespace core

/// A mutex with annotations and a rank, which sanitizer builds check.
class FRESHFRAME_THREAD_SAFETY(capability("mutex")) Mutex {
 public:
#ifdef FRESHFRAME_CHECK_LOCKS
  explicit Mutex(LockRank rank = LockRank::Leaf) noexcept : rank_(rank) {}
#else
  explicit Mutex(LockRank /*rank*/ = LockRank::Leaf) noexcept {}
#endif
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() FRESHFRAME_THREAD_SAFETY(acquire_capability()) {
    core::note_lock(rank());
    mutex_.lock();
  }
  void unlock() FRESHFRAME_THREAD_SAFETY(release_capability()) {
    mutex_.unlock();
    core::note_unlock(rank());
  }
  [[nodiscard]] bool try_lock() FRESHFRAME_THREAD_SAFETY(try_acquire_capability(true)) {
    if (!mutex_.try_lock()) return false;
    core::note_lock(rank());
    return true;
  }

 private:
  friend class Condition;
#ifdef FRESHFRAME_CHECK_LOCKS
  [[nodiscard]] LockRank rank() const noexcept { return rank_; }
  const LockRank rank_;
#else
  [[nodiscard]] static constexpr LockRank rank() noexcept { return LockRank::Leaf; }
#endif
  std::mutex mutex_;
};

/// Holds a mutex for its lifetime, except between unlock() and lock(). Must not be shared between threads.
class FRESHFRAME_THREAD_SAFETY(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& mutex) FRESHFRAME_ACQUIRES(mutex) : mutex_(mutex) { mutex_.lock(); }
  /// Takes over a mutex that this thread already holds.
  Lock(Mutex& mutex, std::adopt_lock_t /*adopt*/) FRESHFRAME_REQUIRES(mutex) : mutex_(mutex) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() FRESHFRAME_THREAD_SAFETY(release_capability()) {
    if (held_) mutex_.unlock();
  }

  void unlock() FRESHFRAME_THREAD_SAFETY(release_capability()) {
    held_ = false;
    mutex_.unlock();
  }
  void lock() FRESHFRAME_THREAD_SAFETY(acquire_capability()) {
    mutex_.lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

/// A condition variable for Mutex. The caller of a wait must hold the mutex.
class Condition {
 public:
  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

  template <class Ready>
  void wait(Mutex& mutex, const Ready& ready) FRESHFRAME_REQUIRES(mutex) {
    Borrowed lock(mutex);
    condition_.wait(lock.native, ready);
  }
  /// Returns ready(); false means that `deadline` has passed on `clock`.
  template <class Ready>
  bool wait_until(Mutex& mutex, const Clock& clock, TimePoint deadline, const Ready& ready)
      FRESHFRAME_REQUIRES(mutex) {
    Borrowed lock(mutex);
    return clock.wait_until(lock.native, condition_, deadline, ready);
  }

 private:
  /// Adapts the held mutex to the std::unique_lock that the standard library needs.
  struct Borrowed {
    explicit Borrowed(Mutex& mutex) : native(mutex.mutex_, std::adopt_lock) {}
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    ~Borrowed() { native.release(); }
    std::unique_lock<std::mutex> native;
  };

  std::condition_variable condition_;
};

}  // namespace freshframe
