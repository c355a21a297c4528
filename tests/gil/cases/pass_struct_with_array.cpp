// A struct with a C array of objects in it, behind an array of something else.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Job {
  char name[64];
#ifdef FIXED
  gil::Ref callbacks[3];
#else
  PyObject* callbacks[3];
#endif
};

void work(gil::Held& held, const Job& a) {
  gil::release(held, [](const Job& b) { (void)b; }, a);
}
