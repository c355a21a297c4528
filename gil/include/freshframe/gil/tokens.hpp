// The tokens gil::Held and gil::Released. They cannot be made, copied, moved, stored or captured; a function
// gets one from entry<>, release(), acquire() or native_thread() and passes it on by reference.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil/interpreter.hpp"
#include "freshframe/gil/python_free.hpp"

#include <concepts>
#include <cstddef>

// C++26 deleted functions can have a reason.
#if defined(__cpp_deleted_function) && __cpp_deleted_function >= 202403L
#define FRESHFRAME_GIL_DELETED(WHY) delete (WHY)
#else
#define FRESHFRAME_GIL_DELETED(WHY) delete
#endif

namespace freshframe::gil {

namespace detail {

struct Access;

// The scope and thread of a token. Written by all builds, read only by the run-time checks.
class Origin {
 public:
  Origin() noexcept { mark_ = kAlive; }
  ~Origin() { mark_ = kGone; }
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  [[nodiscard]] bool alive() const noexcept { return mark_ == kAlive; }
  [[nodiscard]] bool on_this_thread() const noexcept {
    return thread_ == nullptr || thread_ == this_thread();
  }

 private:
  static constexpr std::uint32_t kAlive = 0x6712ee1d;
  static constexpr std::uint32_t kGone = 0xdead61a5;

  static const void* this_thread() noexcept {
    static thread_local const char here = 0;
    return &here;
  }

  volatile std::uint32_t mark_;  // volatile, so that the destructor's write is not optimized away
  const void* thread_ = kChecks ? this_thread() : nullptr;
};

}  // namespace detail

/// Proof that this thread may touch Python objects.
class Held final {
 public:
  Held() = FRESHFRAME_GIL_DELETED("a gil::Held comes from gil::entry or gil::acquire, as a parameter");
  Held(const Held&) = FRESHFRAME_GIL_DELETED("a gil::Held is passed by reference");
  Held& operator=(const Held&) = FRESHFRAME_GIL_DELETED("a gil::Held is passed by reference");
  static void* operator new(std::size_t) = FRESHFRAME_GIL_DELETED("a gil::Held lives in its scope");
  static void* operator new[](std::size_t) = FRESHFRAME_GIL_DELETED("a gil::Held lives in its scope");
  void operator&() const = FRESHFRAME_GIL_DELETED("a gil::Held cannot be stored");

  /// With FRESHFRAME_GIL_CHECKS, aborts the process if the token is invalid, because it outlived its scope or
  /// was forged.
  template <bool On = detail::kChecks>
  void check([[maybe_unused]] detail::Where where = detail::Where::here()) const {
    if constexpr (On) {
      if (!origin_.alive()) detail::die("a Held token is used after its scope, or was forged", where);
      if (!origin_.on_this_thread())
        detail::die("a Held token is used on a thread that it was not given to", where);
      if (!detail::holds_gil().value_or(true))
        detail::die("a Held token is used where the GIL is not held", where);
    }
  }

  /// Not a conversion, only a readable error: a function that takes gil::Released& was given this token.
  template <std::same_as<Released> T>
  operator T&() const {
    static_assert(
        detail::kNever<T>,
        "gil: the GIL is held here and the called function needs gil::Released; call it from gil::release");
    return detail::imaginary<T>();
  }

 private:
  friend struct detail::Access;
  explicit Held(detail::Access& /*only*/) noexcept {}
  detail::Origin origin_;
};

/// Proof that this thread has released the GIL.
class Released final {
 public:
  Released() = FRESHFRAME_GIL_DELETED("a gil::Released comes from gil::release or gil::native_thread");
  Released(const Released&) = FRESHFRAME_GIL_DELETED("a gil::Released is passed by reference");
  Released& operator=(const Released&) = FRESHFRAME_GIL_DELETED("a gil::Released is passed by reference");
  static void* operator new(std::size_t) = FRESHFRAME_GIL_DELETED("a gil::Released lives in its scope");
  static void* operator new[](std::size_t) = FRESHFRAME_GIL_DELETED("a gil::Released lives in its scope");
  void operator&() const = FRESHFRAME_GIL_DELETED("a gil::Released cannot be stored");

  template <bool On = detail::kChecks>
  void check([[maybe_unused]] detail::Where where = detail::Where::here()) const {
    if constexpr (On) {
      if (!origin_.alive()) detail::die("a Released token is used after its scope, or was forged", where);
      if (!origin_.on_this_thread())
        detail::die("a Released token is used on a thread that it was not given to", where);
      if (detail::holds_gil().value_or(false))
        detail::die("a Released token is used where the GIL is held", where);
    }
  }

  /// Not a conversion, only a readable error: a function that takes gil::Held& was given this token.
  template <std::same_as<Held> T>
  operator T&() const {
    static_assert(
        detail::kNever<T>,
        "gil: the GIL is already released here and the called function needs gil::Held; gil::acquire() it "
        "first, or call a function that takes gil::Released");
    return detail::imaginary<T>();
  }

 private:
  friend struct detail::Access;
  explicit Released(detail::ThreadSlot& slot) noexcept : slot_(slot) {}
  detail::Origin origin_;
  detail::ThreadSlot& slot_;
};

namespace detail {

// The only code that can create tokens.
struct Access {
  template <class F>
  static decltype(auto) with_held(F&& function) {
    Access only;
    Held held(only);
    return std::forward<F>(function)(held);
  }
  template <class F>
  static decltype(auto) with_released(ThreadSlot& slot, F&& function) {
    Released released(slot);
    return std::forward<F>(function)(released);
  }
  static ThreadSlot& slot(Released& released) noexcept { return released.slot_; }
};

}  // namespace detail
}  // namespace freshframe::gil
