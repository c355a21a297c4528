// A token comes out of its released scope.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the result is or holds a GIL token
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
#ifdef FIXED
  gil::release(held, [](gil::Released& released) -> void { gil::acquire(released, [](gil::Held&) {}); });
#else
  gil::release(held, [](gil::Released& released) -> gil::Released& { return released; });
#endif
}
