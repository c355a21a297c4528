// A type that refers to itself is looked into once, and all of it.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a PyObject*
#include "freshframe/gil.hpp"

#include <vector>

namespace gil = freshframe::gil;

struct Tree {
  std::vector<Tree> children;
#ifdef FIXED
  gil::Ref label;
#else
  PyObject* label;
#endif
};

void work(gil::Held& held, const Tree& a) {
  gil::release(held, [](const Tree& b) { (void)b; }, a);
}
