// A function that is called with the GIL released lets it go once more.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the GIL is already released in this scope
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
int inner(gil::Released& /*released*/) {
  return 1;
}
#else
int inner(gil::Released& released) {
  return gil::release(released, [] { return 1; });
}
#endif

int outer(gil::Held& held) {
  return gil::release(held, &inner);
}
