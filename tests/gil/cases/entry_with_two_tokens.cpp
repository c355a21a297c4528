// A bound function that wants a second token.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::entry: the function takes a second token
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
int work(gil::Held& /*held*/, int n) {
  return n;
}
#else
int work(gil::Held& /*held*/, gil::Released& /*released*/) {
  return 1;
}
#endif

auto bound = gil::entry<&work>;
