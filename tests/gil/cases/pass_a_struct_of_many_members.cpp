// More members than the compiler is made to count.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Job {
  int a, b, c, d, e, f, g, h, i, j, k, l;
#ifndef FIXED
  PyObject* callback;
#endif
};

void work(gil::Held& held, const Job& a) {
  gil::release(held, [](const Job& b) { (void)b; }, a);
}
