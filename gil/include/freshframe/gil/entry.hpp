// gil::entry<&f> and gil::c_entry<&f>: wrap functions that take a token as functions that Python can call.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Python.h>

#include "freshframe/gil/scopes.hpp"
#include "freshframe/gil/tokens.hpp"

#include <exception>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace freshframe::gil {

/// Thrown if a Python exception is already set; c_entry passes it on to Python.
struct ErrorSet final : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return "a Python exception is set"; }
};

namespace detail {

template <class... T>
inline constexpr bool kHasToken =
    ((std::is_same_v<std::remove_cvref_t<T>, Held> || std::is_same_v<std::remove_cvref_t<T>, Released>) ||
     ...);

// The calls are never evaluated at compile time. They are marked constexpr because a lambda that makes one is
// implicitly constexpr, and g++ 16 warns if it calls a function that is not (-Winvalid-constexpr).
template <auto Function, class R, class... A>
struct EntryCall {
  static_assert(!kHasToken<R>, "gil::entry: the function returns a token, which must not leave its scope");
  static_assert(!kHasToken<A...>, "gil::entry: the function takes a second token; Python can give it none");

  static constexpr R call(A... args) {
    return Access::with_held([&](Held& held) -> R {
      held.check();
      return Function(held, std::forward<A>(args)...);
    });
  }
};

template <auto Function, class F>
struct Entry {
  static_assert(kNever<F>,
                "gil::entry: the function must take gil::Held& or gil::Released& as its first parameter");
  static constexpr void call() {}
};
template <auto Function, class R, class... A>
struct Entry<Function, R (*)(Held&, A...)> : EntryCall<Function, R, A...> {};
template <auto Function, class R, class... A>
struct Entry<Function, R (*)(Held&, A...) noexcept> : EntryCall<Function, R, A...> {};

// The GIL is released around the whole function. Referenced arguments are copied, as release() does.
template <auto Function, class R, class... A>
struct ReleasedEntryCall {
  static constexpr std::decay_t<R> call(A... args) {
    return Access::with_held(
        [&](Held& held) -> std::decay_t<R> { return release(held, Function, std::forward<A>(args)...); });
  }
};
template <auto Function, class R, class... A>
struct Entry<Function, R (*)(Released&, A...)> : ReleasedEntryCall<Function, R, A...> {};
template <auto Function, class R, class... A>
struct Entry<Function, R (*)(Released&, A...) noexcept> : ReleasedEntryCall<Function, R, A...> {};

// The parts of a member function type.
template <class F>
struct Member;
template <class R, class C, class Token, class... A>
struct Member<R (C::*)(Token&, A...)> {
  template <auto Method>
  static R on_object(Token& token, C& self, A... args) {
    return (self.*Method)(token, std::forward<A>(args)...);
  }
  template <auto Closure>
  static R of_closure(Token& token, A... args) {
    return Closure(token, std::forward<A>(args)...);
  }
};
template <class R, class C, class Token, class... A>
struct Member<R (C::*)(Token&, A...) const> : Member<R (C::*)(Token&, A...)> {
  template <auto Method>
  static R on_object(Token& token, const C& self, A... args) {
    return (self.*Method)(token, std::forward<A>(args)...);
  }
};
template <class R, class C, class Token, class... A>
struct Member<R (C::*)(Token&, A...) noexcept> : Member<R (C::*)(Token&, A...)> {};
template <class R, class C, class Token, class... A>
struct Member<R (C::*)(Token&, A...) const noexcept> : Member<R (C::*)(Token&, A...) const> {};

// In Python, the first argument of a method is the object that it is called on.
template <auto Function, class F>
  requires requires { &Member<F>::template on_object<Function>; }
struct Entry<Function, F>
    : Entry<&Member<F>::template on_object<Function>, decltype(&Member<F>::template on_object<Function>)> {};

// A lambda without captures.
template <auto Function, class F>
  requires requires { &Member<decltype(&F::operator())>::template of_closure<Function>; }
struct Entry<Function, F>
    : Entry<&Member<decltype(&F::operator())>::template of_closure<Function>,
            decltype(&Member<decltype(&F::operator())>::template of_closure<Function>)> {};

// Sets the Python exception for the current C++ exception, with the same mapping as nanobind and pybind11.
inline void set_error() {
  try {
    throw;
  } catch (const ErrorSet&) {
    if (PyErr_Occurred() == nullptr)
      PyErr_SetString(PyExc_SystemError, "gil::ErrorSet without an exception set");
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::out_of_range& error) {
    PyErr_SetString(PyExc_IndexError, error.what());
  } catch (const std::invalid_argument& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const std::domain_error& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const std::length_error& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const std::range_error& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const std::overflow_error& error) {
    PyErr_SetString(PyExc_OverflowError, error.what());
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "an unknown C++ exception");
  }
}

template <auto Function, class F = decltype(&Entry<Function, decltype(Function)>::call)>
struct CEntry;
template <auto Function, class R, class... A>
struct CEntry<Function, R (*)(A...)> {
  static_assert(
      std::is_pointer_v<R> || std::is_signed_v<R> || std::is_void_v<R>,
      "gil::c_entry: a failure is reported as nullptr or -1; the function must return a pointer or a "
      "signed number");

  static constexpr R call(A... args) {
    // A destructor may run while another exception is being propagated.
    [[maybe_unused]] PyObject* pending[3] = {};
    if constexpr (std::is_void_v<R>) PyErr_Fetch(&pending[0], &pending[1], &pending[2]);
    try {
      if constexpr (std::is_void_v<R>) {
        Entry<Function, decltype(Function)>::call(std::forward<A>(args)...);
      } else {
        return Entry<Function, decltype(Function)>::call(std::forward<A>(args)...);
      }
#ifdef __GLIBCXX__
    } catch (const abi::__forced_unwind&) {
      throw;
#endif
    } catch (...) {
      set_error();
      if constexpr (std::is_void_v<R>) PyErr_WriteUnraisable(nullptr);
    }
    if constexpr (std::is_pointer_v<R>) {
      return nullptr;
    } else if constexpr (!std::is_void_v<R>) {
      return R{-1};
    } else {
      PyErr_Restore(pending[0], pending[1], pending[2]);
    }
  }
};

}  // namespace detail

/// For a binding library, which turns C++ exceptions into Python's: bind `gil::entry<&f>` for
/// `R f(gil::Held&, ...)`, a function, a method or a lambda that captures nothing. For `R f(gil::Released&,
/// ...)` the GIL is released around the whole call; its arguments and its result must then be PythonFree.
template <auto Function>
inline constexpr auto entry = &detail::Entry<Function, decltype(Function)>::call;

/// For the plain C API (PyMethodDef, type slots). A C++ exception becomes a Python exception, and the
/// function returns nullptr or -1. For a function without a result, such as a destructor, it is passed to
/// sys.unraisablehook.
template <auto Function>
inline constexpr auto c_entry = &detail::CEntry<Function>::call;

}  // namespace freshframe::gil
