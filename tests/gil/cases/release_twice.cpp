// A second release in the same scope.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the GIL is already released in this scope
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
#ifdef FIXED
  gil::release(held, [](gil::Released& /*released*/) {});
#else
  gil::release(held, [](gil::Released& released) { gil::release(released, [] {}); });
#endif
}
