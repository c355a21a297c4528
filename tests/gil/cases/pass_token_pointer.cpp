// A token by its address.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a GIL token
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, double* a) {
  gil::release(held, [](double* b) { (void)b; }, a);
}
#else
void work(gil::Held& held, gil::Held* a) {
  gil::release(held, [](gil::Held* b) { (void)b; }, a);
}
#endif
