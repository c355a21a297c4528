// A token on the heap.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted | private
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held) {
  gil::release(held, [] {});
}
#else
gil::Held* make() {
  return new gil::Held;
}
#endif
