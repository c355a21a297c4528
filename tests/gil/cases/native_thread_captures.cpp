// A native thread's function captures something.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::native_thread: the function captures something
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(int n) {
#ifdef FIXED
  gil::native_thread([](gil::Released&, int m) { (void)m; }, n);
#else
  gil::native_thread([n](gil::Released&) { (void)n; });
#endif
}
