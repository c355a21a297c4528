// A void* may hide anything.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a void*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, void* a) {
  gil::release(held, [](void* b) { (void)b; }, a);
}
