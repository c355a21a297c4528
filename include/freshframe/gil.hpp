// Compile-time capabilities for Python's GIL: what may touch Python objects, what may release the lock, what
// may not. SPDX-License-Identifier: Apache-2.0
//
//   gil::Held&      proof that this thread may touch Python objects
//   gil::Released&  proof that it has let go: it may work and may acquire(), it may not release() again
//
// A token cannot be made, copied, stored or captured; a function gets one only from entry<>, release(),
// acquire() or native_thread(). Code that runs released sees nothing but its arguments, and those must be
// PythonFree. Needs Python.h and nothing else of freshframe, so any extension can use it (nanobind, pybind11,
// plain C API). On a free-threaded build the tokens mean the same: "may touch Python objects".
//
// Note [Unwinding while the interpreter finalises]
// Up to CPython 3.13 a daemon thread that wants the GIL back during finalisation is ended by a forced unwind.
// A frame above that is noexcept would turn it into std::terminate, and one that catches everything (the
// dispatcher of a binding library) would go on without the GIL. So release() and acquire() catch the unwind
// where it begins and stay there for ever, as CPython does itself from 3.14. The lock is taken by plain
// calls, never by destructors, and no other catch here swallows an unwind.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <Python.h>

#if __has_include(<cxxabi.h>)
#include <cxxabi.h>
#include <unistd.h>
#endif

// Run-time checks of what the compiler cannot see; on unless NDEBUG is set.
#ifndef FRESHFRAME_GIL_CHECKS
#ifdef NDEBUG
#define FRESHFRAME_GIL_CHECKS 0
#else
#define FRESHFRAME_GIL_CHECKS 1
#endif
#endif

namespace freshframe::gil {

class Held;
class Released;
class Ref;

/// Opt-in for a class that the structural check cannot look into:
/// `template <> inline constexpr bool freshframe::gil::python_free<Mine> = true;` says that it neither is nor
/// holds a Python object, nor touches one when it is copied, used or destroyed.
template <class T>
inline constexpr bool python_free = false;

namespace detail {

template <class>
inline constexpr bool kNever = false;

// What a refused call returns: it fits everywhere, so that `return release(...)` gives no second error.
struct Refused {
  template <class T>
  operator T() const;
};

[[noreturn]] inline void die(const char* what, const std::source_location& where) {
  std::fprintf(stderr, "freshframe::gil: %s at %s:%u (%s)\n", what, where.file_name(), where.line(),
               where.function_name());
  std::abort();
}

// ---- PythonFree: a structural look at a type

// PyObject, what begins with one, and the interpreter's own records.
template <class T>
concept InterpreterRecord =
    std::same_as<T, PyObject> || std::same_as<T, PyTypeObject> || std::same_as<T, PyThreadState> ||
    std::same_as<T, PyInterpreterState> || std::same_as<T, Py_buffer> ||
    requires(T& value) { value.ob_base; } || requires(T& value) { value.ob_refcnt; };

// nb::handle, py::handle, nb::ndarray and everything derived from them.
template <class T>
concept BindingHandle = requires(const T& value) {
  { value.ptr() } -> std::convertible_to<PyObject*>;
} || requires(const T& value) {
  { value.handle().ptr() } -> std::convertible_to<PyObject*>;
};

// Converts to anything, so that brace-initialisation tells how many members an aggregate has.
struct AnyMember {
  template <class T>
  operator T() const noexcept;
};

template <class T, std::size_t... I>
constexpr bool braces(std::index_sequence<I...> /*members*/) {
  return requires { T{((void)I, AnyMember{})...}; };
}

inline constexpr std::size_t kMaxMembers = 8;

template <class T, std::size_t N = kMaxMembers + 1>
constexpr std::size_t member_count() {
  if constexpr (N == 0) {
    return 0;
  } else if constexpr (braces<T>(std::make_index_sequence<N>{})) {
    return N;
  } else {
    return member_count<T, N - 1>();
  }
}

template <class... T>
using Types = std::type_identity<std::tuple<T...>>;

// The types of an aggregate's members, by structured bindings; void when it has more than kMaxMembers.
template <class T>
constexpr auto members(T& value) {
  constexpr auto count = member_count<T>();
  if constexpr (count == 0) {
    return Types<>{};
  } else if constexpr (count == 1) {
    auto& [a] = value;
    return Types<decltype(a)>{};
  } else if constexpr (count == 2) {
    auto& [a, b] = value;
    return Types<decltype(a), decltype(b)>{};
  } else if constexpr (count == 3) {
    auto& [a, b, c] = value;
    return Types<decltype(a), decltype(b), decltype(c)>{};
  } else if constexpr (count == 4) {
    auto& [a, b, c, d] = value;
    return Types<decltype(a), decltype(b), decltype(c), decltype(d)>{};
  } else if constexpr (count == 5) {
    auto& [a, b, c, d, e] = value;
    return Types<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e)>{};
  } else if constexpr (count == 6) {
    auto& [a, b, c, d, e, f] = value;
    return Types<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f)>{};
  } else if constexpr (count == 7) {
    auto& [a, b, c, d, e, f, g] = value;
    return Types<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g)>{};
  } else if constexpr (count == 8) {
    auto& [a, b, c, d, e, f, g, h] = value;
    return Types<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                 decltype(h)>{};
  }
}

template <class T>
constexpr bool is_free();

template <class... T>
constexpr bool all_free(Types<T...> /*types*/) {
  return (is_free<std::remove_cvref_t<T>>() && ...);
}

// Library types: free when their parts are.
template <class>
struct KnownFree : std::false_type {};
template <class T, std::size_t N>
struct KnownFree<std::span<T, N>> : std::bool_constant<is_free<T>()> {};
template <class T, class A>
struct KnownFree<std::vector<T, A>> : std::bool_constant<is_free<T>()> {};
template <class T, std::size_t N>
struct KnownFree<std::array<T, N>> : std::bool_constant<is_free<T>()> {};
template <class T>
struct KnownFree<std::optional<T>> : std::bool_constant<is_free<T>()> {};
template <class T>
struct KnownFree<std::unique_ptr<T>> : std::bool_constant<is_free<T>()> {};
template <class T>
struct KnownFree<std::shared_ptr<T>> : std::bool_constant<is_free<T>()> {};
template <class T>
struct KnownFree<std::atomic<T>> : std::bool_constant<is_free<T>()> {};
template <class T>
struct KnownFree<std::complex<T>> : std::bool_constant<is_free<T>()> {};
template <class A, class B>
struct KnownFree<std::pair<A, B>> : std::bool_constant<is_free<A>() && is_free<B>()> {};
template <class... T>
struct KnownFree<std::tuple<T...>> : std::bool_constant<(is_free<std::remove_cvref_t<T>>() && ...)> {};
template <class... T>
struct KnownFree<std::variant<T...>> : std::bool_constant<(is_free<T>() && ...)> {};
template <class R, class P>
struct KnownFree<std::chrono::duration<R, P>> : std::true_type {};
template <class C, class D>
struct KnownFree<std::chrono::time_point<C, D>> : std::true_type {};
template <class C, class T, class A>
struct KnownFree<std::basic_string<C, T, A>> : std::true_type {};
template <class C, class T>
struct KnownFree<std::basic_string_view<C, T>> : std::true_type {};
template <>
struct KnownFree<std::mutex> : std::true_type {};

template <class T>
constexpr bool is_free_pointer() {
  using Target = std::remove_cv_t<std::remove_pointer_t<T>>;
  if constexpr (std::is_void_v<Target> || std::is_function_v<Target>) {
    return false;  // may hide anything
  } else {
    return is_free<Target>();
  }
}

template <class T>
constexpr bool is_free_class() {
  if constexpr (!requires { sizeof(T); }) {
    return false;  // incomplete: cannot be looked into
  } else if constexpr (InterpreterRecord<T> || BindingHandle<T>) {
    return false;
  } else if constexpr (KnownFree<T>::value) {
    return true;
  } else if constexpr (std::is_aggregate_v<T> && !std::is_union_v<T> && member_count<T>() <= kMaxMembers) {
    return all_free(decltype(members(std::declval<T&>())){});
  } else {
    return false;  // closures with captures, std::function, any other class: opt in with python_free
  }
}

template <class T>
constexpr bool is_free() {
  using U = std::remove_cv_t<T>;
  if constexpr (python_free<U>) {
    return true;
  } else if constexpr (std::same_as<U, Held> || std::same_as<U, Released> || std::same_as<U, Ref>) {
    return false;
  } else if constexpr (std::is_reference_v<U>) {
    return is_free<std::remove_reference_t<U>>();
  } else if constexpr (std::is_void_v<U> || std::is_arithmetic_v<U> || std::is_enum_v<U> ||
                       std::is_null_pointer_v<U>) {
    return true;
  } else if constexpr (std::is_pointer_v<U>) {
    return is_free_pointer<U>();
  } else if constexpr (std::is_array_v<U>) {
    return is_free<std::remove_extent_t<U>>();
  } else if constexpr (std::is_class_v<U> || std::is_union_v<U>) {
    return is_free_class<U>();
  } else {
    return false;
  }
}

}  // namespace detail

/// Neither is, nor holds, nor may hide a Python object or a token.
template <class T>
concept PythonFree = detail::is_free<std::remove_cvref_t<T>>();

// ---- tokens

namespace detail {
struct Access;
}

/// This thread may touch Python objects.
class Held {
 public:
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  static void* operator new(std::size_t) = delete;
  void operator&() const = delete;  // a stored address is the easiest way to smuggle a token

  /// Debug builds end the process when the token lies: it was smuggled to another thread or scope.
  void check([[maybe_unused]] std::source_location where = std::source_location::current()) const {
    if constexpr (FRESHFRAME_GIL_CHECKS) {
      if (PyGILState_Check() == 0) detail::die("a Held token is used where the GIL is not held", where);
    }
  }

 private:
  friend struct detail::Access;
  Held() = default;
};

/// This thread has let the GIL go.
class Released {
 public:
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;
  static void* operator new(std::size_t) = delete;
  void operator&() const = delete;

  void check([[maybe_unused]] std::source_location where = std::source_location::current()) const {
    if constexpr (FRESHFRAME_GIL_CHECKS) {
      if (PyGILState_Check() != 0) detail::die("a Released token is used where the GIL is held", where);
    }
  }

 private:
  friend struct detail::Access;
  Released() = default;
};

namespace detail {

struct Access {
  template <class F>
  static decltype(auto) with_held(F&& function) {
    Held held;
    return std::forward<F>(function)(held);
  }
  template <class F>
  static decltype(auto) with_released(F&& function) {
    Released released;
    return std::forward<F>(function)(released);
  }
};

// Runs `take`, which waits for the GIL; does not come back when the interpreter ends this thread (see the
// note above).
template <class Take>
auto take_or_stay(Take&& take) {
#ifdef __GLIBCXX__
  try {
    return take();
  } catch (const abi::__forced_unwind&) {
    while (true) pause();
  }
#else
  return take();
#endif
}

// Runs `body`, then `after` whether it returned or threw; not when the thread is being unwound (see the note
// above). `after` runs outside the handler: an unwind cannot be caught while an exception is being handled.
template <class Body, class After>
auto then(Body&& body, After&& after) {
  using Result = decltype(body());
  std::exception_ptr error;
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

template <class F>
concept Captureless =
    std::is_empty_v<std::remove_cvref_t<F>> && std::is_trivially_copyable_v<std::remove_cvref_t<F>>;

template <class F, class... A>
auto call_released(Released& released, F& function, A&&... args) {
  if constexpr (std::is_invocable_v<F&, Released&, A...>) {
    return function(released, std::forward<A>(args)...);
  } else {
    return function(std::forward<A>(args)...);
  }
}

template <class F, class... A>
struct ReleasedResult {
  using Type = std::invoke_result_t<F&, A...>;
};
template <class F, class... A>
  requires std::is_invocable_v<F&, Released&, A...>
struct ReleasedResult<F, A...> {
  using Type = std::invoke_result_t<F&, Released&, A...>;
};

}  // namespace detail

/// Runs `function(released, args...)`, or `function(args...)`, without the GIL. The function must capture
/// nothing, its arguments and its result must be PythonFree.
template <class F, class... A>
auto release(Held& held, F&& function, A&&... args) {
  static_assert(
      detail::Captureless<F>,
      "gil::release: the function captures something. A capture could carry a Python object or a token into "
      "code that runs without the GIL; pass what it needs as arguments after the function");
  static_assert(
      (PythonFree<A> && ...),
      "gil::release: an argument is, holds or may hold a Python object or a GIL token (PyObject*, "
      "nb::object, nb::ndarray, py::object, gil::Held, void*, std::function, an unknown class). Take a span "
      "or a plain value first, or specialise gil::python_free<T>");
  if constexpr (detail::Captureless<F> && (PythonFree<A> && ...)) {
    constexpr bool callable = std::is_invocable_v<F&, Released&, A...> || std::is_invocable_v<F&, A...>;
    static_assert(
        callable,
        "gil::release: the function is callable neither as f(gil::Released&, args...) nor as f(args...)");
    if constexpr (callable) {
      static_assert(
          PythonFree<typename detail::ReleasedResult<F, A...>::Type>,
          "gil::release: the result is or may hold a Python object; return plain data and make the Python "
          "object after release()");
      held.check();
      return detail::Access::with_released([&](Released& released) {
        PyThreadState* const state = PyEval_SaveThread();
        return detail::then(
            [&] { return detail::call_released(released, function, std::forward<A>(args)...); },
            [&] { detail::take_or_stay([&] { PyEval_RestoreThread(state); }); });
      });
    } else {
      return detail::Refused{};
    }
  } else {
    return detail::Refused{};
  }
}

template <class F, class... A>
detail::Refused release(Released& /*released*/, F&& /*function*/, A&&... /*args*/) {
  static_assert(
      detail::kNever<F>,
      "gil::release: the GIL is already released in this scope (a second PyEval_SaveThread ends the "
      "process)");
  return {};
}

template <class F, class... A>
detail::Refused release(const Held& /*held*/, F&& /*function*/, A&&... /*args*/) {
  static_assert(detail::kNever<F>, "gil::release: needs the mutable Held token of this scope");
  return {};
}

/// Takes the GIL and runs `function(held)`.
template <class F>
auto acquire(Released& released, F&& function) {
  static_assert(std::is_invocable_v<F&, Held&>, "gil::acquire: the function must take gil::Held&");
  released.check();
  return detail::Access::with_held([&](Held& held) {
    const PyGILState_STATE state = detail::take_or_stay([] { return PyGILState_Ensure(); });
    return detail::then([&] { return function(held); }, [&] { PyGILState_Release(state); });
  });
}

template <class F>
detail::Refused acquire(Held& /*held*/, F&& /*function*/) {
  static_assert(detail::kNever<F>,
                "gil::acquire: the GIL is already held in this scope; use the Held token you have");
  return {};
}

// ---- roots

namespace detail {

template <auto Function>
struct Entry;
template <class R, class... A, R (*Function)(Held&, A...)>
struct Entry<Function> {
  static R call(A... args) {
    return Access::with_held([&](Held& held) -> R {
      held.check();
      return Function(held, std::forward<A>(args)...);
    });
  }
};
template <class R, class... A, R (*Function)(Released&, A...)>
struct Entry<Function> {
  static R call(A... args) {
    return Access::with_held([&](Held& held) -> R {
      return release(
          held,
          [](Released& released, A... values) -> R { return Function(released, std::forward<A>(values)...); },
          std::forward<A>(args)...);
    });
  }
};

}  // namespace detail

/// A function that Python calls, made of one that takes the token: bind `gil::entry<&f>` for `R f(gil::Held&,
/// ...)`. For `R f(gil::Released&, ...)` the GIL is released around the whole call; its arguments and its
/// result must then be PythonFree.
template <auto Function>
inline constexpr auto entry = &detail::Entry<Function>::call;

/// For code on a thread that Python did not make: runs `function(released)`.
template <class F>
decltype(auto) native_thread(F&& function) {
  return detail::Access::with_released(std::forward<F>(function));
}

// ---- objects that travel

/// References that threads without the GIL have let go, until somebody with the GIL drops them. Thread-safe.
class DeferredFree {
 public:
  static DeferredFree& instance() {
    static auto* const queue = new DeferredFree;  // outlives every thread
    return *queue;
  }

  void push(PyObject* object) noexcept {
    if (!deferring_.load(std::memory_order_acquire) && PyGILState_Check() != 0) {
      Py_DECREF(object);
      return;
    }
    bool call = false;
    {
      const std::lock_guard lock(mutex_);
      objects_.push_back(object);
      call = objects_.size() >= kCallAbove && !std::exchange(called_, true);
    }
    if (call && Py_AddPendingCall(&drain_pending, nullptr) != 0) {
      const std::lock_guard lock(mutex_);
      called_ = false;  // the interpreter's own list was full; the next push tries again
    }
  }

  /// Drops what has gathered; returns how many. Runs finalisers, so hold no lock.
  std::size_t drain(Held& held) {
    held.check();
    if (pending() == 0) return 0;
    std::vector<PyObject*> objects;
    {
      const std::lock_guard lock(mutex_);
      objects.swap(objects_);
      called_ = false;
    }
    for (PyObject* object : objects) Py_DECREF(object);
    return objects.size();
  }

  /// From now on a thread with the GIL frees what it drops at once. For the interpreter's exit, when nobody
  /// will drain any more.
  void stop_deferring(Held& held) {
    deferring_.store(false, std::memory_order_release);
    drain(held);
  }

  [[nodiscard]] std::size_t pending() const {
    const std::lock_guard lock(mutex_);
    return objects_.size();
  }

 private:
  static constexpr std::size_t kCallAbove = 64;

  static int drain_pending(void* /*unused*/) {
    detail::Access::with_held([](Held& held) { instance().drain(held); });
    return 0;
  }

  std::atomic<bool> deferring_{true};
  mutable std::mutex mutex_;
  std::vector<PyObject*> objects_;  // guarded by mutex_
  bool called_ = false;             // guarded by mutex_: the interpreter was asked to drain
};

/// Owns a Python object. May travel and die without the GIL; can be touched only with the token.
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
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() {
    if (object_ != nullptr) DeferredFree::instance().push(object_);
  }

  /// Borrowed.
  [[nodiscard]] PyObject* get(Held& held) const {
    held.check();
    return object_;
  }
  template <class T = void>
  PyObject* get() const {
    static_assert(detail::kNever<T>,
                  "gil::Ref::get: a Python object can be touched only with a gil::Held token");
    return nullptr;
  }
  template <class T = void>
  PyObject* get(Released& /*released*/) const {
    static_assert(detail::kNever<T>, "gil::Ref::get: the GIL is released here; gil::acquire() it first");
    return nullptr;
  }
  [[nodiscard]] Ref clone(Held& held) const { return {held, object_}; }
  /// Drops the object at once.
  void clear(Held& held) {
    held.check();
    Py_CLEAR(object_);
  }

 private:
  PyObject* object_ = nullptr;
};

}  // namespace freshframe::gil
