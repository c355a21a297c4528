// A Fibonacci function that lets the GIL go and calls itself.
// SPDX-License-Identifier: Apache-2.0
// expect: the GIL is already released here and the called function needs gil::Held
#include "freshframe/gil.hpp"

#include <cstdint>

namespace gil = freshframe::gil;

#ifdef FIXED
std::uint64_t fibonacci(gil::Released& released, std::uint64_t n) {
  return n < 2 ? n : fibonacci(released, n - 1) + fibonacci(released, n - 2);
}

std::uint64_t bound(gil::Held& held, std::uint64_t n) {
  return gil::release(held, &fibonacci, n);
}
#else
std::uint64_t fibonacci(gil::Held& held, std::uint64_t n) {
  if (n < 2) return n;
  return gil::release(
      held,
      [](gil::Released& released, std::uint64_t k) {
        return fibonacci(released, k - 1) + fibonacci(released, k - 2);
      },
      n);
}
#endif
