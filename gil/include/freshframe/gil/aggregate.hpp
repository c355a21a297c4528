// Lists the member types of an aggregate, so that the check of gil.hpp can inspect plain structs.
// SPDX-License-Identifier: Apache-2.0
//
// A struct can be inspected when it is an aggregate without a base class or a union, has at most
// kMaxMembers members, and each of them can be made from {}. A miscounted struct does not compile; it is
// never taken for something it is not.
#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>

namespace freshframe::gil::detail {

template <class...>
struct Types {};

inline constexpr std::size_t kMaxMembers = 12;

// Converts to the base classes of T only.
template <class T>
struct AnyBase {
  template <class U>
    requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T>)
  operator U() const noexcept;
};

template <class T>
concept HasBase = requires { T{AnyBase<T>{}}; };

// Converts to unions only.
struct AnyUnion {
  template <class U>
    requires(std::is_union_v<U>)
  operator U() const noexcept;
};

// Structured bindings cannot decompose unnamed unions.
template <class T>
concept HasUnion =
    requires { T{AnyUnion{}}; } || requires { T{{}, AnyUnion{}}; } || requires { T{{}, {}, AnyUnion{}}; } ||
    requires { T{{}, {}, {}, AnyUnion{}}; } || requires { T{{}, {}, {}, {}, AnyUnion{}}; } ||
    requires { T{{}, {}, {}, {}, {}, AnyUnion{}}; } || requires { T{{}, {}, {}, {}, {}, {}, AnyUnion{}}; } ||
    requires { T{{}, {}, {}, {}, {}, {}, {}, AnyUnion{}}; } ||
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, AnyUnion{}}; } ||
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, AnyUnion{}}; } ||
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, AnyUnion{}}; } ||
    requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, AnyUnion{}}; };

// The number of members that T can be initialized with by {}: more than kMaxMembers if there are more, 0 if a
// member cannot be initialized by {}. An array counts as one.
template <class T>
constexpr std::size_t member_count() {
  // clang-format off
  if constexpr (requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; }) return 13;
  else if constexpr (requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; }) return 12;
  else if constexpr (requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; }) return 11;
  else if constexpr (requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}}; }) return 10;
  else if constexpr (requires { T{{}, {}, {}, {}, {}, {}, {}, {}, {}}; }) return 9;
  else if constexpr (requires { T{{}, {}, {}, {}, {}, {}, {}, {}}; }) return 8;
  else if constexpr (requires { T{{}, {}, {}, {}, {}, {}, {}}; }) return 7;
  else if constexpr (requires { T{{}, {}, {}, {}, {}, {}}; }) return 6;
  else if constexpr (requires { T{{}, {}, {}, {}, {}}; }) return 5;
  else if constexpr (requires { T{{}, {}, {}, {}}; }) return 4;
  else if constexpr (requires { T{{}, {}, {}}; }) return 3;
  else if constexpr (requires { T{{}, {}}; }) return 2;
  else if constexpr (requires { T{{}}; }) return 1;
  else return 0;
  // clang-format on
}

// T has its own tuple protocol, which structured bindings would use instead of the members.
template <class T>
concept TupleLike = requires { std::tuple_size<T>::value; };

template <class T>
concept Transparent = std::is_aggregate_v<T> && std::is_class_v<T> && !TupleLike<T> && !HasBase<T> &&
                      member_count<T>() > 0 && member_count<T>() <= kMaxMembers && !HasUnion<T>;

// Returns Types<> of the members. Never called.
template <Transparent T>
constexpr auto members(T& value) {
  constexpr auto count = member_count<T>();
  // clang-format off
  if constexpr (count == 1) {
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
  } else if constexpr (count == 9) {
    auto& [a, b, c, d, e, f, g, h, i] = value;
    return Types<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                 decltype(h), decltype(i)>{};
  } else if constexpr (count == 10) {
    auto& [a, b, c, d, e, f, g, h, i, j] = value;
    return Types<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                 decltype(h), decltype(i), decltype(j)>{};
  } else if constexpr (count == 11) {
    auto& [a, b, c, d, e, f, g, h, i, j, k] = value;
    return Types<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                 decltype(h), decltype(i), decltype(j), decltype(k)>{};
  } else {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l] = value;
    return Types<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                 decltype(h), decltype(i), decltype(j), decltype(k), decltype(l)>{};
  }
  // clang-format on
}

}  // namespace freshframe::gil::detail
