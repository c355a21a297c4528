// The twin of ../refused/release_recursively.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <cstdint>

namespace gil = freshframe::gil;

std::uint64_t fibonacci(gil::Released& released, std::uint64_t n) {
  return n < 2 ? n : fibonacci(released, n - 1) + fibonacci(released, n - 2);
}

std::uint64_t bound(gil::Held& held, std::uint64_t n) {
  return gil::release(held, &fibonacci, n);
}
