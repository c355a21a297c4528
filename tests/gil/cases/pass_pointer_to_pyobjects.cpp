// An array of objects, as METH_FASTCALL gives it.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, double const* a) {
  gil::release(held, [](double const* b) { (void)b; }, a);
}
#else
void work(gil::Held& held, PyObject* const* a) {
  gil::release(held, [](PyObject* const* b) { (void)b; }, a);
}
#endif
