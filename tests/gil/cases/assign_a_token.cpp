// A token is assigned.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, int& other) {
  other = gil::release(held, [] { return 1; });
}
#else
void work(gil::Held& held, gil::Held& other) {
  other = held;
}
#endif
