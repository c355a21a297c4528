// The arguments do not fit the function.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the function can be called neither as f(gil::Released&, args...) nor as f(args...)
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int work(gil::Held& held) {
#ifdef FIXED
  return gil::release(held, [](int a, int b) { return a + b; }, 1, 2);
#else
  return gil::release(held, [](int a, int b) { return a + b; }, 1);
#endif
}
