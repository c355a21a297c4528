// A void* may hide anything.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a void*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, double* a) {
  gil::release(held, [](double* b) { (void)b; }, a);
}
#else
void work(gil::Held& held, void* a) {
  gil::release(held, [](void* b) { (void)b; }, a);
}
#endif
