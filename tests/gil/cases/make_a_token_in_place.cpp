// A token in a buffer.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted | private
#include "freshframe/gil.hpp"

#include <new>

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held) {
  gil::release(held, [] {});
}
#else
void work(char* buffer) {
  ::new (buffer) gil::Held;
}
#endif
