// The interpreter's own records.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, int a) {
  gil::release(held, [](int b) { (void)b; }, a);
}
#else
void work(gil::Held& held, PyThreadState* a) {
  gil::release(held, [](PyThreadState* b) { (void)b; }, a);
}
#endif
