// Mutex, Lock and Condition of the standard library, annotated for clang's -Wthread-safety: a member names
// the mutex that guards it, and the compiler proves that it is held. ./dev lint runs the proof.
//
// Mutexes have ranks, and a thread locks them in ascending order only. No lock is held around foreign code. A
// build with FRESHFRAME_CHECK_LOCKS (every build with a sanitizer) ends the program with a message where a
// rule is broken.
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

/// Marks a member: it is used only with this mutex.
#define FRESHFRAME_GUARDED_BY(mutex) FRESHFRAME_THREAD_SAFETY(guarded_by(mutex))
/// Marks a function: its caller holds this mutex.
#define FRESHFRAME_REQUIRES(mutex) FRESHFRAME_THREAD_SAFETY(requires_capability(mutex))
/// Marks a function: it locks this mutex for the caller.
#define FRESHFRAME_ACQUIRES(mutex) FRESHFRAME_THREAD_SAFETY(acquire_capability(mutex))

namespace freshframe {

/// A thread that holds a mutex may lock mutexes of higher rank.
enum class LockRank : std::uint8_t {
  Graph,       // the lists of nodes and readers; others that are held while a leaf is locked
  Conversion,  // the making of a frame's other formats
  Place,       // a frame's place in the budget
  Leaf,        // all others: no further mutex is locked
};

namespace core {
#ifdef FRESHFRAME_CHECK_LOCKS
/// Notes that this thread locks (unlocks) a mutex of that rank.
void note_lock(LockRank rank);
void note_unlock(LockRank rank) noexcept;
/// Foreign code, such as a node, is about to run on this thread, which may hold no mutex then.
void expect_no_lock();
#else
inline void note_lock(LockRank /*rank*/) {}
inline void note_unlock(LockRank /*rank*/) noexcept {}
inline void expect_no_lock() {}
#endif
}  // namespace core

/// A mutex for thread-safety analysis, with a rank that builds with a sanitizer check.
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

/// Holds a mutex for its lifetime, except between unlock() and lock(). One thread.
class FRESHFRAME_THREAD_SAFETY(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& mutex) FRESHFRAME_ACQUIRES(mutex) : mutex_(mutex) { mutex_.lock(); }
  /// Takes over a mutex that this thread holds already.
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

/// A condition variable. A wait releases the mutex, which the caller holds.
class Condition {
 public:
  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

  template <class Ready>
  void wait(Mutex& mutex, const Ready& ready) FRESHFRAME_REQUIRES(mutex) {
    Borrowed lock(mutex);
    condition_.wait(lock.native, ready);
  }
  /// Returns ready(); false means the deadline has passed by the clock.
  template <class Ready>
  bool wait_until(Mutex& mutex, const Clock& clock, TimePoint deadline, const Ready& ready)
      FRESHFRAME_REQUIRES(mutex) {
    Borrowed lock(mutex);
    return clock.wait_until(lock.native, condition_, deadline, ready);
  }

 private:
  /// The caller's hold of the mutex in the form that the standard library wants.
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
