// Fork safety: mutexes that fork() waits for, and singletons that survive a fork.
//
// tools/check_forks.py rejects any mutex that neither has a Hold nor is listed, with a reason, in
// tools/forks.toml.
//
// In a forked child only the forking thread exists. A mutex that another thread held during the fork would
// stay locked forever. Therefore the forking thread first locks every mutex that the child may need, and both
// processes unlock them afterwards: in the child they are free, and the data they guard is consistent.
// Objects that own threads are created anew in the child.
//
// The handlers are registered when the library is loaded. Registering them on first use could be too late for
// a fork that is already in progress on another thread.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include <pthread.h>

// Hidden visibility: every library has its own handlers, which disappear when it is unloaded. For classes
// used as members only the functions are hidden, since a class must not be more visible than its members.
#define FRESHFRAME_FORKS_HIDDEN __attribute__((visibility("hidden")))
#ifdef __clang__
#define FRESHFRAME_FORKS_UNCHECKED __attribute__((no_thread_safety_analysis))
#else
#define FRESHFRAME_FORKS_UNCHECKED
#endif

namespace freshframe::forks {

/// The order in which fork() locks mutexes. A thread that holds one may lock only mutexes of a later order.
enum class Order : std::uint8_t {
  Loading,     // loading ONNX Runtime and GPU libraries, which writes to the log
  Conversion,  // conversions of inherited frames, which allocate from a frame pool
  Leaf,        // everything else: no other mutex is locked while it is held
};

/// The mutexes and fork handlers of one library. Thread-safe.
class FRESHFRAME_FORKS_HIDDEN Registry {
 public:
  struct Held {
    Order order;
    void* mutex;
    void (*lock)(void*);
    void (*unlock)(void*);
  };

  static Registry& instance() {
    static auto* const only = new Registry;  // never freed: a thread may fork while the process exits
    return *only;
  }

  /// Must not be called while holding a mutex that is registered here: fork() would deadlock.
  void add(const Held& held) {
    const std::lock_guard lock(mutex_);
    const auto later = [](const Held& one, const Held& other) { return one.order < other.order; };
    held_.insert(std::upper_bound(held_.begin(), held_.end(), held, later), held);
  }
  void remove(const void* mutex) noexcept {
    const std::lock_guard lock(mutex_);
    std::erase_if(held_, [&](const Held& each) { return each.mutex == mutex; });
  }
  /// Number of forks between this process and the one that loaded the library.
  [[nodiscard]] int generation() const noexcept { return generation_.load(std::memory_order_relaxed); }
  /// Registers `renew`, to be called in every forked child after the mutexes are unlocked, in order of
  /// registration. The child has no other threads at that point.
  void call_in_child(void (*renew)()) {
    const std::lock_guard lock(mutex_);
    in_child_.push_back(renew);
  }

 private:
  Registry() { ::pthread_atfork(&prepare, &go_on, &begin_child); }

  FRESHFRAME_FORKS_UNCHECKED static void prepare() {
    auto& all = instance();
    all.mutex_.lock();
    for (const auto& each : all.held_) each.lock(each.mutex);
  }
  FRESHFRAME_FORKS_UNCHECKED static void go_on() {
    auto& all = instance();
    for (auto each = all.held_.rbegin(); each != all.held_.rend(); ++each) each->unlock(each->mutex);
    all.mutex_.unlock();
  }
  static void begin_child() {
    instance().generation_.fetch_add(1, std::memory_order_relaxed);
    go_on();
    for (auto* const renew : instance().in_child_) renew();  // no lock: the child has no other threads yet
  }

  std::atomic<int> generation_{0};
  std::mutex mutex_;
  std::vector<Held> held_;            // guarded by mutex_; sorted by order
  std::vector<void (*)()> in_child_;  // guarded by mutex_
};

/// Makes fork() wait for a mutex. Declare it as a member after the mutex. M has lock() and unlock().
template <class M>
class Hold {
 public:
  FRESHFRAME_FORKS_HIDDEN explicit Hold(M& mutex, Order order = Order::Leaf) : mutex_(&mutex) {
    Registry::instance().add({order, mutex_, &lock, &unlock});
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  FRESHFRAME_FORKS_HIDDEN ~Hold() { Registry::instance().remove(mutex_); }

 private:
  FRESHFRAME_FORKS_HIDDEN FRESHFRAME_FORKS_UNCHECKED static void lock(void* mutex) {
    static_cast<M*>(mutex)->lock();
  }
  FRESHFRAME_FORKS_HIDDEN FRESHFRAME_FORKS_UNCHECKED static void unlock(void* mutex) {
    static_cast<M*>(mutex)->unlock();
  }

  void* mutex_;
};

/// A per-library singleton, created when the library is loaded and never destroyed, so that threads may use
/// it while the process exits. A function-local static would not do: a fork during its initialization would
/// leave its guard locked in the child.
template <class T>
class FRESHFRAME_FORKS_HIDDEN ProcessWide {
 public:
  static T& get() {
    static_cast<void>(at_load);  // odr-use: a template's static member is only instantiated if it is used
    return make_once();
  }

 private:
  /// A separate function, since another static initializer may need the object before `at_load` is set.
  static T& make_once() {
    static auto* const only = new T;
    return *only;
  }
  // NOLINTNEXTLINE(bugprone-throwing-static-initialization): without memory for it there is no program
  static inline const T& at_load = make_once();
};

/// Like ProcessWide, but a forked child gets a new T, since the old one refers to threads that do not exist
/// there.
template <class T>
class FRESHFRAME_FORKS_HIDDEN PerProcess {
 public:
  static T& get() {
    static_cast<void>(at_load);
    return *current().load(std::memory_order_acquire);
  }

 private:
  static std::atomic<T*>& current() {
    static std::atomic<T*> known{begin()};
    return known;
  }
  static T* begin() {
    Registry::instance().call_in_child([] { current().store(new T, std::memory_order_release); });
    return new T;
  }
  // NOLINTNEXTLINE(bugprone-throwing-static-initialization): as above
  static inline const std::atomic<T*>& at_load = current();
};

/// Calls a function in every forked child. Define it at namespace scope, so that it is registered when the
/// library is loaded.
class InChild {
 public:
  FRESHFRAME_FORKS_HIDDEN explicit InChild(void (*call)()) { Registry::instance().call_in_child(call); }
};

/// Records which process created an object.
class Birthplace {
 public:
  FRESHFRAME_FORKS_HIDDEN Birthplace() : generation_(Registry::instance().generation()) {}
  /// True if a parent process created it. Its state may be inconsistent: a thread that does not exist here
  /// may have been using it during the fork.
  [[nodiscard]] FRESHFRAME_FORKS_HIDDEN bool is_inherited() const noexcept {
    return generation_ != Registry::instance().generation();
  }

 private:
  int generation_;
};

}  // namespace freshframe::forks

#undef FRESHFRAME_FORKS_HIDDEN
#undef FRESHFRAME_FORKS_UNCHECKED
