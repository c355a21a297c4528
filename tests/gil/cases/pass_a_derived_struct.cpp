// A base class may hide an object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
struct Base {
  int priority;
};

struct Job {
  Base base;
  int id;
};
#else
struct Base {
  PyObject* callback;
};

struct Job : Base {
  int id;
};
#endif

void work(gil::Held& held, const Job& a) {
  gil::release(held, [](const Job& b) { (void)b; }, a);
}
