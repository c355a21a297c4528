// The token of the outer scope, used without a capture.
// SPDX-License-Identifier: Apache-2.0
// expect: not captured | cannot be implicitly captured
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
#ifdef FIXED
  gil::release(held, [](gil::Released& released) {
    gil::acquire(released, [](gil::Held& inner) { gil::release(inner, [] {}); });
  });
#else
  gil::release(held, [] { gil::release(held, [] {}); });
#endif
}
