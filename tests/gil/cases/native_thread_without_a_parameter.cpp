// A native thread's function does not take its token.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::native_thread: the function cannot be called as f(gil::Released&, args...)
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work() {
#ifdef FIXED
  gil::native_thread([](gil::Released&) {});
#else
  gil::native_thread([] {});
#endif
}
