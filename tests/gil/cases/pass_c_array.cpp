// A C array of objects.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
using X = gil::Ref[2];
#else
using X = PyObject* [2];
#endif

void work(gil::Held& held, X& a) {
  gil::release(held, [](X& b) { (void)b; }, a);
}
