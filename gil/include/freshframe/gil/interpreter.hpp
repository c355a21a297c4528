// The only calls that acquire or release the GIL, and their behavior during finalization.
// SPDX-License-Identifier: Apache-2.0
//
// Note [Unwinding while the interpreter finalises]
// Up to CPython 3.13 a daemon thread that wants the GIL back during finalisation is ended by a forced unwind.
// A frame above that is noexcept would turn it into std::terminate, and a frame that catches everything (the
// dispatcher of a binding library) would continue without the GIL. So the unwind is caught where it begins,
// and the thread blocks there forever, as CPython does itself from 3.14. The GIL is acquired by plain calls,
// never by destructors, and no other catch here swallows an unwind. A thread that wants the GIL after the end
// of the interpreter blocks forever too. Join native threads before, in an atexit handler. gil::join() in a
// destructor does not wait for the blocked ones.
#pragma once

#include <Python.h>

#include "freshframe/gil/asks.hpp"

#include <atomic>
#include <cstdio>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#if __has_include(<cxxabi.h>)
#include <cxxabi.h>
#endif
#include <dlfcn.h>
#include <unistd.h>

// Run-time checks of what the compiler cannot see, on unless NDEBUG is set. A violation ends the process with
// a message and the Python traceback.
#ifndef FRESHFRAME_GIL_CHECKS
#ifdef NDEBUG
#define FRESHFRAME_GIL_CHECKS 0
#else
#define FRESHFRAME_GIL_CHECKS 1
#endif
#endif

namespace freshframe::gil::detail {

inline constexpr bool kChecks = FRESHFRAME_GIL_CHECKS;

// A place in a source file: clang 14 has no std::source_location.
struct Where {
  const char* file;
  int line;
  static constexpr Where here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

[[noreturn]] inline void die(const char* what, const Where& where) {
  char text[512];
  std::snprintf(text, sizeof text, "freshframe::gil: %s, at %s:%d", what, where.file, where.line);
  Py_FatalError(text);
}

#if !defined(Py_LIMITED_API)
/// The thread state of this thread if it holds the GIL. Otherwise null, or up to Python 3.11 the state of the
/// thread that holds it.
inline PyThreadState* unchecked_thread_state() noexcept {
#if PY_VERSION_HEX >= 0x030D0000
  return PyThreadState_GetUnchecked();
#else
  return _PyThreadState_UncheckedGet();
#endif
}
#endif

/// The thread state of this thread, which must hold the GIL.
inline PyThreadState* own_thread_state() noexcept {
  return PyThreadState_Get();
}

/// Returns true if this thread may touch Python objects. Returns nullopt if Py_LIMITED_API is below 3.12.
inline std::optional<bool> holds_gil() noexcept {
#if defined(Py_LIMITED_API)
  // This function of the stable ABI returns null without an error on a thread without the GIL. Up to 3.11 it
  // does not check the thread.
  if constexpr (Py_LIMITED_API + 0 >= 0x030C0000) return PyThreadState_GetDict() != nullptr;
  return std::nullopt;
#elif PY_VERSION_HEX >= 0x030C0000
  return unchecked_thread_state() != nullptr;
#else
  // Not PyGILState_Check(), which always returns true once a subinterpreter has been created.
  PyThreadState* const holder = unchecked_thread_state();
  return holder != nullptr && holder == PyGILState_GetThisThreadState();
#endif
}

inline bool interpreter_ends() noexcept {
  if (Py_IsInitialized() == 0) return true;
#if defined(Py_LIMITED_API) && Py_LIMITED_API + 0 < 0x030D0000
  // In the stable ABI since 3.13. Earlier versions export it with an underscore.
  using Ends = int (*)();
  static const auto ends = [] {
    void* const found = dlsym(RTLD_DEFAULT, "Py_IsFinalizing");
    return reinterpret_cast<Ends>(found != nullptr ? found : dlsym(RTLD_DEFAULT, "_Py_IsFinalizing"));
  }();
  return ends != nullptr && ends() != 0;
#elif PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

// The number of gil::Mutex objects that this thread has locked.
__attribute__((visibility("hidden"))) inline int& locks_of_this_thread() noexcept {
  static thread_local int count = 0;
  return count;
}

[[noreturn]] inline void stay() {
  while (true) pause();
}

// Runs `take`, which waits for the GIL. Does not return when the interpreter ends (see the note above),
// except on the thread that ends it.
template <class Take>
void take_or_stay(bool ends_it, Take&& take) {
  std::atomic<bool>& asks = AsksForGil::mark_of_this_thread();
  asks.store(true, std::memory_order_release);
  if (!ends_it && Py_IsInitialized() == 0) stay();
#ifdef __GLIBCXX__
  try {
    take();
  } catch (const abi::__forced_unwind&) {
    stay();
  }
#else
  take();
#endif
  asks.store(false, std::memory_order_release);
}

// Runs `body`, then `after` whether it returned or threw; not when the thread is being unwound (see the note
// above). `after` runs outside the handler: an unwind cannot be caught while an exception is being handled.
template <class Body, class After>
auto then(Body&& body, After&& after) {
  using Result = decltype(body());
  std::exception_ptr error;
  // NOLINTNEXTLINE(misc-const-correctness): where there is a result, it is put in
  [[maybe_unused]] std::conditional_t<std::is_void_v<Result>, bool, std::optional<Result>> result{};
  try {
    if constexpr (std::is_void_v<Result>) {
      body();
    } else {
      result.emplace(body());
    }
#ifdef __GLIBCXX__
  } catch (const abi::__forced_unwind&) {
    throw;
#endif
  } catch (...) {
    error = std::current_exception();
  }
  after();
  if (error) std::rethrow_exception(error);
  if constexpr (!std::is_void_v<Result>) return *std::move(result);
}

/// How a thread releases the GIL and acquires it again: with the thread state that it had, or, on a thread
/// that Python did not make, with a state made at the first take() and kept until end().
class ThreadSlot {
 public:
  void let_go() {
    ends_it_ = Py_IsInitialized() == 0;  // during finalization, the GIL is held by the finalizing thread
    state_ = PyEval_SaveThread();
  }
  void take() {
    if constexpr (kChecks) {
      if (locks_of_this_thread() != 0)
        die("a thread waits for the GIL with a gil::Mutex locked", Where::here());
    }
    take_or_stay(ends_it_, [this] {
      if (state_ != nullptr) {
        PyEval_RestoreThread(state_);
      } else {
        before_ = PyGILState_Ensure();
        made_ = true;
      }
    });
  }
  /// Frees the thread state made by the first take(). During finalization the interpreter frees all thread
  /// states itself.
  void end() {
    if (!made_ || interpreter_ends()) return;
    take();
    PyGILState_Release(before_);
  }

 private:
  PyThreadState* state_ = nullptr;
  PyGILState_STATE before_{};
  bool made_ = false;
  bool ends_it_ = false;
};

}  // namespace freshframe::gil::detail
