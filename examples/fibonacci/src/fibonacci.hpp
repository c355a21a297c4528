// The loop that keeps a processor busy, the same for every binding.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

/// The `n`-th Fibonacci number modulo 2^64; fibonacci(0) is 0.
inline std::uint64_t nth_fibonacci(std::uint64_t n) {
  std::uint64_t a = 0;
  std::uint64_t b = 1;
  for (std::uint64_t i = 0; i < n; ++i) a = std::exchange(b, a + b);
  return a;
}
