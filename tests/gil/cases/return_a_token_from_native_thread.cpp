// A token comes out of native_thread().
// SPDX-License-Identifier: Apache-2.0
// expect: gil::native_thread: the result is or holds a GIL token
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work() {
#ifdef FIXED
  gil::native_thread([](gil::Released& released) { gil::acquire(released, [](gil::Held&) {}); });
#else
  gil::native_thread([](gil::Released& released) -> gil::Released& { return released; });
#endif
}
