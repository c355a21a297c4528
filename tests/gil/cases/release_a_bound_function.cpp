// A function with bound arguments captures them.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the function captures something
#include "freshframe/gil.hpp"

#include <functional>

namespace gil = freshframe::gil;

int next(int n) {
  return n + 1;
}

int work(gil::Held& held, int n) {
#ifdef FIXED
  return gil::release(held, &next, n);
#else
  return gil::release(held, std::bind_front(&next, n));
#endif
}
