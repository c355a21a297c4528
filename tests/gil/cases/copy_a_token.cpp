// A copy of a token.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
#ifdef FIXED
  gil::Held& same = held;
  (void)same;
#else
  gil::Held copy = held;
  (void)copy;
#endif
}
