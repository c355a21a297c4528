// gil::Ref owns a Python object and may move between threads. DeferredFree is the list of dropped references.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Python.h>

#include "freshframe/forks.hpp"
#include "freshframe/gil/tokens.hpp"

#include <atomic>
#include <cstddef>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace freshframe::gil {

/// References that gil::Ref has dropped. A thread with the GIL frees them later: in drain(), when it enters
/// acquire() or returns from release(), or in a pending call of the interpreter. This call is requested if
/// more than 64 references are waiting, or if one was dropped by a thread with the GIL, such as in the
/// destructor of a Python object. That thread does not free it immediately, because a finaliser may need a
/// lock that it holds. Thread-safe. Each module has its own instance. Hidden, because modules built with
/// different versions of this header must not share one.
class __attribute__((visibility("hidden"))) DeferredFree {
 public:
  static DeferredFree& instance() {
    return forks::ProcessWide<DeferredFree>::get();  // outlives every thread
  }

  void push(PyObject* object) noexcept {
    const bool held = detail::holds_gil().value_or(false);
    if (held && (!deferring_.load(std::memory_order_acquire) || detail::interpreter_ends())) {
      Py_DECREF(object);
      return;
    }
    bool call = false;
    {
      const std::lock_guard lock(mutex_);
      try {
        objects_.push_back(object);
      } catch (const std::bad_alloc&) {  // out of memory: leak the object rather than crash
        return;
      }
      waiting_.store(objects_.size(), std::memory_order_release);
      call = (held || objects_.size() > kCallAbove) && !std::exchange(called_, true);
    }
    if (call && Py_AddPendingCall(&drain_pending, nullptr) != 0) {
      const std::lock_guard lock(mutex_);
      called_ = false;  // the interpreter's list of pending calls was full; the next push tries again
    }
  }

  /// Frees the waiting references and returns their number. Runs finalizers, so the caller must hold no lock.
  std::size_t drain(Held& held) {
    held.check();
    if (pending() == 0) return 0;
    std::vector<PyObject*> objects;
    {
      const std::lock_guard lock(mutex_);
      objects.swap(objects_);
      waiting_.store(0, std::memory_order_release);
    }
    for (PyObject* object : objects) Py_DECREF(object);
    return objects.size();
  }

  /// Frees references immediately from now on if they are dropped with the GIL held. Called at interpreter
  /// exit, after which no thread drains the list.
  void stop_deferring(Held& held) {
    deferring_.store(false, std::memory_order_release);
    drain(held);
  }

  [[nodiscard]] std::size_t pending() const noexcept { return waiting_.load(std::memory_order_acquire); }

 private:
  static constexpr std::size_t kCallAbove = 64;

  static int drain_pending(void* /*unused*/) {
    {
      auto& list = instance();
      const std::lock_guard lock(list.mutex_);
      list.called_ = false;  // reset here and not in drain(), so that at most one pending call is queued
    }
    detail::Access::with_held([](Held& held) { instance().drain(held); });
    return 0;
  }

  std::atomic<bool> deferring_{true};
  std::atomic<std::size_t> waiting_{0};  // objects_.size(), readable without the lock
  std::mutex mutex_;
  forks::Hold<std::mutex> hold_{mutex_};
  std::vector<PyObject*> objects_;  // guarded by mutex_
  bool called_ = false;             // guarded by mutex_: a pending call is queued
};

/// Owns a Python object, or nothing. Can be moved and destroyed without the GIL, but used only with the
/// token.
class Ref {
 public:
  Ref() noexcept = default;
  /// Takes a new reference to `object`.
  Ref(Held& held, PyObject* object) : object_(object) {
    held.check();
    Py_XINCREF(object_);
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  Ref(const Ref&) = FRESHFRAME_GIL_DELETED("copying a gil::Ref needs the GIL: clone(held)");
  Ref& operator=(const Ref&) = FRESHFRAME_GIL_DELETED("copying a gil::Ref needs the GIL: clone(held)");
  ~Ref() {
    if (object_ != nullptr) DeferredFree::instance().push(object_);
  }

  [[nodiscard]] explicit operator bool() const noexcept { return object_ != nullptr; }

  /// Returns a borrowed reference.
  [[nodiscard]] PyObject* get(Held& held, detail::Where where = detail::Where::here()) const {
    held.check(where);
    return object_;
  }
  template <class T = void>
  PyObject* get() const {
    static_assert(
        detail::kNever<T>,
        "gil::Ref::get: a Python object can be touched only with the gil::Held token of this scope");
    return nullptr;
  }
  template <class T = void>
  PyObject* get(Released& /*released*/) const {
    static_assert(detail::kNever<T>, "gil::Ref::get: the GIL is released here; gil::acquire() it first");
    return nullptr;
  }
  [[nodiscard]] Ref clone(Held& held) const { return {held, object_}; }
  /// Drops the object immediately.
  void clear(Held& held) {
    held.check();
    Py_CLEAR(object_);
  }

 private:
  PyObject* object_ = nullptr;
};

}  // namespace freshframe::gil
