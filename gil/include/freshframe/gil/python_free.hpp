// PythonFree: the types that may be used without the GIL, found by a structural check.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Python.h>

#include "freshframe/gil/aggregate.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <complex>
#include <concepts>
#include <functional>
#include <iosfwd>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace freshframe::gil {

class Held;
class Released;
class Ref;
namespace detail {
struct Refused;
}

/// Opt-in for a class that the structural check cannot inspect:
/// `template <> inline constexpr bool freshframe::gil::python_free<Mine> = true;` says that it neither is nor
/// holds a Python object, nor touches one when it is copied, used or destroyed.
template <class T>
inline constexpr bool python_free = false;

namespace detail {

template <class>
inline constexpr bool kNever = false;

// The return value of functions that are never instantiated successfully.
template <class T>
T& imaginary();

/// The reason why a type may not be used without the GIL.
enum class Refusal { None, Token, Object, Handle, VoidPointer, Callable, Opaque };

// PyObject, structs that begin with one, and the interpreter's own structs.
template <class T>
concept InterpreterRecord =
    std::same_as<T, PyObject> || std::same_as<T, PyTypeObject> || std::same_as<T, PyThreadState> ||
    std::same_as<T, PyInterpreterState> || requires(T& value) { value.ob_base; } ||
    requires(T& value) { value.ob_refcnt; } || requires(T& value) {  // Py_buffer
      { value.obj } -> std::convertible_to<PyObject*>;
      value.itemsize;
    };

// nb::handle, py::handle, nb::ndarray and all classes derived from them.
template <class T>
concept BindingHandle = requires(const T& value) {
  { value.ptr() } -> std::convertible_to<PyObject*>;
} || requires(const T& value) {
  { value.handle().ptr() } -> std::convertible_to<PyObject*>;
};

template <class T>
constexpr bool declared_in(std::string_view scope) {
  constexpr std::string_view name = __PRETTY_FUNCTION__;
  constexpr auto at = name.find("T = ");
  return at != name.npos && name.substr(at + 4).starts_with(scope);
}

// vector, deque, map, string and similar: they hold values of one type, a comparison or hash, and an
// allocator.
template <class T>
concept StdContainer = requires {
  typename T::value_type;
  typename T::allocator_type;
  typename T::const_iterator;
} && declared_in<T>("std::");

template <class T>
struct Comparison {
  using Type = bool;
};
template <class T>
  requires requires { typename T::key_compare; }
struct Comparison<T> {
  using Type = typename T::key_compare;
};
template <class T>
  requires requires { typename T::hasher; }
struct Comparison<T> {
  using Type = std::pair<typename T::hasher, typename T::key_equal>;
};

// thread, mutex, condition_variable, stop_token, filesystem::path: standard classes that are not templates.
// Excludes classes that may hold any object, such as locale with its facets.
template <class T>
constexpr bool plain_class_of_std() {
  constexpr std::string_view name = __PRETTY_FUNCTION__;
  constexpr auto at = name.find("T = std::");
  if constexpr (at == name.npos) {
    return false;
  } else {
    constexpr auto own = name.substr(at, name.find_first_of(";]", at) - at);
    return !std::is_polymorphic_v<T> && own.find('<') == own.npos && !own.ends_with("::any") &&
           !own.ends_with("::exception_ptr") && !own.ends_with("::nested_exception") &&
           !own.ends_with("::locale");
  }
}

// The types held by a standard class template.
template <class>
struct Parts {
  static constexpr bool kKnown = false;
};
template <class... T>
struct KnownParts {
  static constexpr bool kKnown = true;
  using Held = Types<T...>;
};
template <StdContainer T>
struct Parts<T>
    : KnownParts<typename T::value_type, typename T::allocator_type, typename Comparison<T>::Type> {};
template <class T>
struct Parts<std::allocator<T>> : KnownParts<T> {};
template <class T, std::size_t N>
struct Parts<std::span<T, N>> : KnownParts<T> {};
template <class T, std::size_t N>
struct Parts<std::array<T, N>> : KnownParts<T> {};
template <class T>
struct Parts<std::optional<T>> : KnownParts<T> {};
template <class T, class D>
struct Parts<std::unique_ptr<T, D>> : KnownParts<typename std::unique_ptr<T, D>::pointer, D> {};
template <class T>  // void is opaque, like a void*
struct Parts<std::shared_ptr<T>> : KnownParts<typename std::shared_ptr<T>::element_type*> {};
template <class T>
struct Parts<std::weak_ptr<T>> : KnownParts<typename std::weak_ptr<T>::element_type*> {};
template <class T>
struct Parts<std::atomic<T>> : KnownParts<T> {};
template <class T>
struct Parts<std::complex<T>> : KnownParts<T> {};
template <class T>
struct Parts<std::reference_wrapper<T>> : KnownParts<T> {};
template <class M>
struct Parts<std::unique_lock<M>> : KnownParts<M> {};
template <class M>
struct Parts<std::lock_guard<M>> : KnownParts<M> {};
template <class C, class T>
struct Parts<std::basic_ifstream<C, T>> : KnownParts<C> {};
template <class C, class T>
struct Parts<std::basic_ofstream<C, T>> : KnownParts<C> {};
template <class C, class T>
struct Parts<std::basic_fstream<C, T>> : KnownParts<C> {};
template <class A, class B>
struct Parts<std::pair<A, B>> : KnownParts<A, B> {};
template <class... T>
struct Parts<std::tuple<T...>> : KnownParts<T...> {};
template <class... T>
struct Parts<std::variant<T...>> : KnownParts<T...> {};
template <class R, class P>
struct Parts<std::chrono::duration<R, P>> : KnownParts<R> {};
template <class C, class D>
struct Parts<std::chrono::time_point<C, D>> : KnownParts<D> {};
template <class C, class T>
struct Parts<std::basic_string_view<C, T>> : KnownParts<C> {};
template <>
struct Parts<std::mutex> : KnownParts<> {};
template <>
struct Parts<std::stop_token> : KnownParts<> {};

template <class>
struct Signature {
  static constexpr bool kKnown = false;
};
template <class R, class... A>
struct Signature<R(A...)> {
  static constexpr bool kKnown = true;
  using Used = Types<R, A...>;
};
template <class R, class... A>
struct Signature<R(A...) noexcept> : Signature<R(A...)> {};

template <class>
inline constexpr bool kStdFunction = false;
template <class S>
inline constexpr bool kStdFunction<std::function<S>> = true;

// `Seen` are the types being inspected, because types may be recursive: a list node may point to another
// node.
template <class T, class... Seen>
constexpr Refusal refusal();

template <class... Seen, class... T>
constexpr Refusal first_refusal(Types<T...> /*types*/) {
  Refusal result = Refusal::None;  // NOLINT(misc-const-correctness): it stays so only without types
  (void)((result = refusal<T, Seen...>(), result != Refusal::None) || ...);
  return result;
}

template <class T, class... Seen>
constexpr Refusal refusal_of_class() {
  if constexpr (!requires { sizeof(T); }) {
    return Refusal::Opaque;  // incomplete
  } else if constexpr (kStdFunction<T>) {
    return Refusal::Callable;
  } else if constexpr (Parts<T>::kKnown) {
    return first_refusal<T, Seen...>(typename Parts<T>::Held{});
  } else if constexpr (plain_class_of_std<T>() || (std::is_empty_v<T> && std::is_trivially_copyable_v<T>)) {
    return Refusal::None;
  } else if constexpr (Transparent<T>) {
    return first_refusal<T, Seen...>(decltype(members(std::declval<T&>())){});
  } else {  // a closure, private members, a base class, a union
    return declared_in<T>("nanobind::") || declared_in<T>("pybind11::") ? Refusal::Handle : Refusal::Opaque;
  }
}

template <class T, class... Seen>
constexpr Refusal refusal_of_pointer() {
  using Target = std::remove_cv_t<std::remove_pointer_t<T>>;
  if constexpr (std::is_void_v<Target>) {
    return Refusal::VoidPointer;
  } else if constexpr (std::is_function_v<Target>) {
    if constexpr (Signature<Target>::kKnown) {
      return first_refusal<Seen...>(typename Signature<Target>::Used{}) == Refusal::None ? Refusal::None
                                                                                         : Refusal::Callable;
    } else {
      return Refusal::Callable;
    }
  } else {
    return refusal<Target, Seen...>();
  }
}

template <class T, class... Seen>
constexpr Refusal refusal() {
  using U = std::remove_cv_t<std::remove_reference_t<T>>;
  if constexpr (std::same_as<U, Refused>) {
    return Refusal::None;  // the inner type has already been rejected
  } else if constexpr (std::same_as<U, Held> || std::same_as<U, Released>) {
    return Refusal::Token;
  } else if constexpr (InterpreterRecord<U>) {
    return Refusal::Object;
  } else if constexpr (BindingHandle<U>) {
    return Refusal::Handle;
  } else if constexpr ((python_free<U> && !std::is_pointer_v<U>) || std::same_as<U, Ref> ||
                       (std::same_as<U, Seen> || ...)) {
    return Refusal::None;
  } else if constexpr (std::is_pointer_v<U> || std::is_function_v<U>) {
    return refusal_of_pointer<std::decay_t<U>, Seen...>();
  } else if constexpr (std::is_void_v<U> || std::is_scalar_v<U>) {
    return Refusal::None;
  } else if constexpr (std::is_array_v<U>) {
    return refusal<std::remove_extent_t<U>, Seen...>();
  } else if constexpr (std::convertible_to<const U&, PyObject*>) {
    return Refusal::Handle;
  } else {
    return refusal_of_class<U, Seen...>();
  }
}

}  // namespace detail

/// True if the type neither is, contains, nor can hide a usable Python object or token. gil::Ref is
/// PythonFree, because it cannot be used without the token.
template <class T>
concept PythonFree = detail::refusal<T>() == detail::Refusal::None;

}  // namespace freshframe::gil

// A single readable error for the first rejected type. `WHAT` begins the sentence.
#define FRESHFRAME_GIL_REFUSE(REFUSAL, WHAT)                                                                \
  static_assert((REFUSAL) != ::freshframe::gil::detail::Refusal::Token, WHAT                                \
                " is or holds a GIL token (gil::Held, gil::Released); each scope has its own token, given " \
                "to its function as the first parameter");                                                  \
  static_assert((REFUSAL) != ::freshframe::gil::detail::Refusal::Object, WHAT                               \
                " is or holds a PyObject* or another record of the interpreter; pass plain data read from " \
                "it, or a gil::Ref");                                                                       \
  static_assert((REFUSAL) != ::freshframe::gil::detail::Refusal::Handle, WHAT                               \
                " is or holds an object of a binding library (nb::object, nb::ndarray, py::array); pass a " \
                "span or plain data taken from it, or a gil::Ref");                                         \
  static_assert((REFUSAL) != ::freshframe::gil::detail::Refusal::VoidPointer, WHAT                          \
                " is or holds a void* or a smart pointer to void, which may hide a Python object; pass a "  \
                "typed pointer");                                                                           \
  static_assert((REFUSAL) != ::freshframe::gil::detail::Refusal::Callable,                                  \
                WHAT " is or holds a std::function, or a function of Python objects; pass data instead");   \
  static_assert((REFUSAL) != ::freshframe::gil::detail::Refusal::Opaque, WHAT                               \
                " is or holds a class that cannot be looked into (captures, private members, a base "       \
                "class, a union, an incomplete type); if it holds no Python object, specialise "            \
                "freshframe::gil::python_free for it")
