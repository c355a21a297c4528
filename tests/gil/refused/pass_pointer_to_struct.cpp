// A pointer to what holds an object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Job {
  PyObject* callback;
};

void work(gil::Held& held, const Job* a) {
  gil::release(held, [](const Job* b) { (void)b; }, a);
}
