// What is inside an unnamed union cannot be looked into.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Value {
  int kind;
#ifdef FIXED
  double number;
#else
  union {
    double number;
    PyObject* object;
  };
#endif
};

void work(gil::Held& held, const Value& a) {
  gil::release(held, [](const Value& b) { (void)b; }, a);
}
