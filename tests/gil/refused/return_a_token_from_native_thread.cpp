// A token comes out of native_thread().
// SPDX-License-Identifier: Apache-2.0
// expect: gil::native_thread: the result is or holds a GIL token
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work() {
  gil::native_thread([](gil::Released& released) -> gil::Released& { return released; });
}
