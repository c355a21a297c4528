// A C array of objects.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

using X = PyObject* [2];

void work(gil::Held& held, X& a) {
  gil::release(held, [](X& b) { (void)b; }, a);
}
