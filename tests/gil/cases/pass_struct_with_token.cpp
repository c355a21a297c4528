// A struct that refers to a token.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Scope {
  int depth;
#ifdef FIXED
  double* values;
#else
  gil::Held& held;
#endif
};

void work(gil::Held& held, const Scope& a) {
  gil::release(held, [](const Scope& b) { (void)b; }, a);
}
