// An array of objects, as METH_FASTCALL gives it.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, PyObject* const* a) {
  gil::release(held, [](PyObject* const* b) { (void)b; }, a);
}
