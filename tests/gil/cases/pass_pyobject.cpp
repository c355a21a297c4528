// A PyObject* as an argument.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, gil::Ref& a) {
  gil::release(held, [](gil::Ref& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, PyObject*& a) {
  gil::release(held, [](PyObject*& b) { (void)b; }, a);
}
#endif
