// A closure comes out of a released scope.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the result is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int work(gil::Held& held) {
#ifdef FIXED
  const auto closure = gil::release(held, [](int) { return [] { return 1; }; }, 1);
  return closure();
#else
  const auto closure = gil::release(held, [](int n) { return [n] { return n; }; }, 1);
  (void)closure;
  return 1;
#endif
}
