// The token of the outer scope, passed along.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a GIL token
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
#ifdef FIXED
  gil::release(held, [](int) {}, 1);
#else
  gil::release(held, [](gil::Held& outer) { gil::release(outer, [] {}); }, held);
#endif
}
