// A token is moved away.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

#include <utility>

namespace gil = freshframe::gil;

void work(gil::Held& held) {
#ifdef FIXED
  gil::Held& same = held;
  (void)same;
#else
  gil::Held moved = std::move(held);
  (void)moved;
#endif
}
