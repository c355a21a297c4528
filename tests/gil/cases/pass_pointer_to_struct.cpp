// A pointer to what holds an object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Job {
#ifdef FIXED
  gil::Ref callback;
#else
  PyObject* callback;
#endif
};

void work(gil::Held& held, const Job* a) {
  gil::release(held, [](const Job* b) { (void)b; }, a);
}
