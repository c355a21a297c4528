// A token comes out of acquire().
// SPDX-License-Identifier: Apache-2.0
// expect: gil::acquire: the result is or holds a GIL token
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Released& released) {
#ifdef FIXED
  gil::acquire(released, [](gil::Held& held) { gil::release(held, [] {}); });
#else
  gil::acquire(released, [](gil::Held& held) -> gil::Held& { return held; });
#endif
}
