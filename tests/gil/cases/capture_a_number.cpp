// Even a number is passed, not captured: the compiler cannot tell captures apart.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the function captures something
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int work(gil::Held& held, int n) {
#ifdef FIXED
  return gil::release(held, [](int m) { return m + 1; }, n);
#else
  return gil::release(held, [n] { return n + 1; });
#endif
}
