// Forks: mutexes that a fork waits for, and objects that exist once per process. The one place for everything
// that lives across a fork: tools/check_forks.py refuses a mutex that neither has a hold nor is listed in
// tools/forks.toml with the reason.
//
// Only the thread that forks exists in the child. A mutex that another thread held at that moment would never
// be unlocked there. Therefore the forking thread first locks each mutex that the child may use, and both
// processes unlock it: the child finds it free, and the data that it guards whole. Objects that belong to
// threads are made again in the child.
//
// The handlers are registered while the library is loaded. At the first use it would be too late for a fork
// that has begun on another thread.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include <pthread.h>

// Hidden: each library has its own handlers, which go with it when it is unloaded. Of classes that are parts
// of others only the functions are hidden, since an object may not be more visible than its parts.
#define FRESHFRAME_FORKS_HIDDEN __attribute__((visibility("hidden")))
#ifdef __clang__
#define FRESHFRAME_FORKS_UNCHECKED __attribute__((no_thread_safety_analysis))
#else
#define FRESHFRAME_FORKS_UNCHECKED
#endif

namespace freshframe::forks {

/// A fork locks mutexes in this order. A thread that holds one may lock only mutexes of later orders.
enum class Order : std::uint8_t {
  Loading,     // the ONNX Runtimes and graphics cards: loading one writes to the log
  Conversion,  // conversions of inherited frames: takes memory from a frame pool
  Leaf,        // all others: no further mutex is locked
};

/// The mutexes and objects of one library. Thread-safe.
class FRESHFRAME_FORKS_HIDDEN Registry {
 public:
  struct Held {
    Order order;
    void* mutex;
    void (*lock)(void*);
    void (*unlock)(void*);
  };

  static Registry& instance() {
    static auto* const only = new Registry;  // never freed: a thread may fork while the process ends
    return *only;
  }

  /// Do not call it while a mutex is held that a fork waits for.
  void add(const Held& held) {
    const std::lock_guard lock(mutex_);
    const auto later = [](const Held& one, const Held& other) { return one.order < other.order; };
    held_.insert(std::upper_bound(held_.begin(), held_.end(), held, later), held);
  }
  void remove(const void* mutex) noexcept {
    const std::lock_guard lock(mutex_);
    std::erase_if(held_, [&](const Held& each) { return each.mutex == mutex; });
  }
  /// How many forks lie between the process that loaded the library and this one.
  [[nodiscard]] int generation() const noexcept { return generation_.load(std::memory_order_relaxed); }
  /// Calls `renew` in each child, where it is the only thread, after the mutexes are free; in the order of
  /// the calls.
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
    for (auto* const renew : instance().in_child_) renew();  // no other thread exists that could add one
  }

  std::atomic<int> generation_{0};
  std::mutex mutex_;
  std::vector<Held> held_;            // guarded by mutex_; by order
  std::vector<void (*)()> in_child_;  // guarded by mutex_
};

/// A part of an object with a mutex, declared below it: forks wait for the mutex. M has lock() and unlock().
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

/// The only T of the library, made while the library is loaded, never destroyed: threads may use it while the
/// process ends. Not a variable of a function, whose own lock a fork could catch while another thread makes
/// it.
template <class T>
class FRESHFRAME_FORKS_HIDDEN ProcessWide {
 public:
  static T& get() {
    static_cast<void>(at_load);  // a static member of a template exists only where it is named
    return make_once();
  }

 private:
  static T& make_once() {  // not only the member: another object may be made earlier, and use it
    static auto* const only = new T;
    return *only;
  }
  // NOLINTNEXTLINE(bugprone-throwing-static-initialization): without memory for it there is no program
  static inline const T& at_load = make_once();
};

/// As ProcessWide, but a forked child begins with a new T: the old one refers to threads that do not exist
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

/// Calls a function in each child; an object of a namespace, so that it is made while the library is loaded.
class InChild {
 public:
  FRESHFRAME_FORKS_HIDDEN explicit InChild(void (*call)()) { Registry::instance().call_in_child(call); }
};

/// Remembers the process in which its object was made.
class Birthplace {
 public:
  FRESHFRAME_FORKS_HIDDEN Birthplace() : generation_(Registry::instance().generation()) {}
  /// A parent of this process has made it: threads that do not exist here may have been in the middle of
  /// using it.
  [[nodiscard]] FRESHFRAME_FORKS_HIDDEN bool is_inherited() const noexcept {
    return generation_ != Registry::instance().generation();
  }

 private:
  int generation_;
};

}  // namespace freshframe::forks

#undef FRESHFRAME_FORKS_HIDDEN
#undef FRESHFRAME_FORKS_UNCHECKED
