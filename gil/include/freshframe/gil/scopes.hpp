// release(), acquire() and native_thread(): convert one token to the other.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil/ref.hpp"
#include "freshframe/gil/tokens.hpp"

#include <functional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace freshframe::gil {

namespace detail {

// The result of a rejected call. It converts to any type, so that the rejection is the only error.
struct Refused {
  template <class T>
  operator T() const;
};
template <class T>
T imaginary_value();

template <class F>
constexpr bool captures_nothing() {
  using U = std::remove_cvref_t<F>;
  return (std::is_empty_v<U> && std::is_trivially_copyable_v<U>) ||
         std::is_function_v<std::remove_pointer_t<U>> || std::is_member_pointer_v<U>;
}

template <class F, class... A>
inline constexpr bool kTakesReleased = std::is_invocable_v<F&, Released&, A...>;

template <class F, class... A>
decltype(auto) call_released(Released& released, F& function, A&&... args) {
  if constexpr (kTakesReleased<F, A...>) {
    return std::invoke(function, released, std::forward<A>(args)...);
  } else {
    return std::invoke(function, std::forward<A>(args)...);
  }
}

template <class F, class... A>
using ReleasedResult =
    decltype(call_released(std::declval<Released&>(), std::declval<F&>(), std::declval<A>()...));

// The result type of a rejected release(): the function's own, if it can be determined.
template <class F, class... A>
constexpr auto refused() {
  if constexpr (kTakesReleased<F, A...> || std::is_invocable_v<F&, A...>) {
    using Result = std::decay_t<ReleasedResult<F, A...>>;
    if constexpr (!std::is_void_v<Result>) return imaginary_value<Result>();
  } else {
    return Refused{};
  }
}

// Acquires the GIL after a released scope, and frees the references that other threads have dropped in the
// meantime.
inline void take_back(ThreadSlot& slot, Held& held) {
  slot.take();
  DeferredFree::instance().drain(held);
}

}  // namespace detail

/// Runs `function(released, args...)`, or `function(args...)`, without the GIL. The function must capture
/// nothing. The arguments and the result must be PythonFree. An exception propagates after the GIL has been
/// acquired again.
template <class F, class... A>
auto release(Held& held, F&& function, A&&... args) {
  constexpr bool captures_nothing = detail::captures_nothing<F>();
  constexpr auto argument = detail::first_refusal<>(detail::Types<A...>{});
  static_assert(
      captures_nothing,
      "gil::release: the function captures something, which could carry a Python object or a token into "
      "code that runs without the GIL; pass the captured values as arguments after the function");
  if constexpr (!captures_nothing) {
    return detail::refused<F, A...>();
  } else if constexpr (argument != detail::Refusal::None) {
    FRESHFRAME_GIL_REFUSE(argument, "gil::release: an argument");
    return detail::refused<F, A...>();
  } else if constexpr (!detail::kTakesReleased<F, A...> && !std::is_invocable_v<F&, A...>) {
    static_assert(detail::kNever<F>,
                  "gil::release: the function can be called neither as f(gil::Released&, args...) nor as "
                  "f(args...); what cannot be copied, like gil::Ref, is moved or taken by reference");
    return detail::Refused{};
  } else {
    using Result = detail::ReleasedResult<F, A...>;
    constexpr auto result = detail::refusal<Result>();
    FRESHFRAME_GIL_REFUSE(result, "gil::release: the result");
    if constexpr (result != detail::Refusal::None) {
      return detail::Refused{};
    } else {
      held.check();
      detail::ThreadSlot slot;
      return detail::Access::with_released(slot, [&](Released& released) -> std::decay_t<Result> {
        slot.let_go();
        return detail::then(
            [&]() -> std::decay_t<Result> {
              return detail::call_released(released, function, std::forward<A>(args)...);
            },
            [&] { detail::take_back(slot, held); });
      });
    }
  }
}

template <class F, class... A>
auto release(Released& /*released*/, F&& /*function*/, A&&... /*args*/) {
  static_assert(
      detail::kNever<F>,
      "gil::release: the GIL is already released in this scope; a second release would end the process");
  return detail::refused<F, A...>();
}

template <class F, class... A>
auto release(const Held& /*held*/, F&& /*function*/, A&&... /*args*/) {
  static_assert(detail::kNever<F>, "gil::release: needs this scope's token as gil::Held&, not const");
  return detail::refused<F, A...>();
}

/// Acquires the GIL and runs `function(held, args...)`. The result must be PythonFree.
template <class F, class... A>
auto acquire(Released& released, F&& function, A&&... args) {
  if constexpr (!std::is_invocable_v<F&, Held&, A...>) {
    static_assert(detail::kNever<F>, "gil::acquire: the function cannot be called as f(gil::Held&, args...)");
    return detail::Refused{};
  } else {
    using Result = std::invoke_result_t<F&, Held&, A...>;
    constexpr auto result = detail::refusal<Result>();
    FRESHFRAME_GIL_REFUSE(result, "gil::acquire: the result");
    if constexpr (result != detail::Refusal::None) {
      return detail::Refused{};
    } else {
      released.check();
      auto& slot = detail::Access::slot(released);
      return detail::Access::with_held([&](Held& held) -> std::decay_t<Result> {
        detail::take_back(slot, held);
        return detail::then(
            [&]() -> std::decay_t<Result> { return std::invoke(function, held, std::forward<A>(args)...); },
            [&] { slot.let_go(); });
      });
    }
  }
}

template <class F, class... A>
auto acquire(Held& /*held*/, F&& /*function*/, A&&... /*args*/) {
  static_assert(detail::kNever<F>,
                "gil::acquire: the GIL is already held in this scope; use the gil::Held token you have");
  return detail::Refused{};
}

template <class F, class... A>
auto acquire(const Released& /*released*/, F&& /*function*/, A&&... /*args*/) {
  static_assert(detail::kNever<F>, "gil::acquire: needs this scope's token as gil::Released&, not const");
  return detail::Refused{};
}

/// Runs `function(released, args...)` on a thread that Python did not make, under the rules of release(). The
/// thread's state is made at the first acquire() and kept for the rest of the call: from then on, taking the
/// GIL costs no more than on a thread that Python made. A function object, so it can be passed to std::thread
/// or std::jthread. With jthread, `function` may take a std::stop_token right after the Released token:
///   std::jthread worker(gil::native_thread, &work, std::move(ref));
struct NativeThread {
  template <class F, class... A>
    requires(!std::is_same_v<std::remove_cvref_t<F>, std::stop_token>)
  auto operator()(F&& function, A&&... args) const {
    constexpr bool captures_nothing = detail::captures_nothing<F>();
    constexpr auto argument = detail::first_refusal<>(detail::Types<A...>{});
    static_assert(
        captures_nothing,
        "gil::native_thread: the function captures something, which could carry a Python object or a "
        "token into code that runs without the GIL; pass the captured values as arguments after the function");
    if constexpr (!captures_nothing) {
      return detail::Refused{};
    } else if constexpr (argument != detail::Refusal::None) {
      FRESHFRAME_GIL_REFUSE(argument, "gil::native_thread: an argument");
      return detail::Refused{};
    } else if constexpr (!detail::kTakesReleased<F, A...>) {
      static_assert(detail::kNever<F>,
                    "gil::native_thread: the function cannot be called as f(gil::Released&, args...)");
      return detail::Refused{};
    } else {
      using Result = std::invoke_result_t<F&, Released&, A...>;
      constexpr auto result = detail::refusal<Result>();
      FRESHFRAME_GIL_REFUSE(result, "gil::native_thread: the result");
      if constexpr (result != detail::Refusal::None) {
        return detail::Refused{};
      } else {
        detail::ThreadSlot slot;
        return detail::Access::with_released(slot, [&](Released& released) -> std::decay_t<Result> {
          released.check();
          return detail::then(
              [&]() -> std::decay_t<Result> {
                return std::invoke(function, released, std::forward<A>(args)...);
              },
              [&] { slot.end(); });
        });
      }
    }
  }

  template <class F, class... A>
    requires std::is_invocable_v<F&, Released&, std::stop_token, A...>
  auto operator()(std::stop_token token, F&& function, A&&... args) const {
    return (*this)(std::forward<F>(function), std::move(token), std::forward<A>(args)...);
  }
};
inline constexpr NativeThread native_thread{};

}  // namespace freshframe::gil
