// A native thread's function captures something.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::native_thread: the function captures something
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(int n) {
  gil::native_thread([n](gil::Released&) { (void)n; });
}
