// A PyObject* as an argument.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, PyObject*& a) {
  gil::release(held, [](PyObject*& b) { (void)b; }, a);
}
