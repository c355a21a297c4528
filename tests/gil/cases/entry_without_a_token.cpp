// A bound function without a token.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::entry: the function must take gil::Held& or gil::Released& as its first parameter
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
int work(gil::Held& /*held*/, int n) {
  return n;
}
#else
int work(int n) {
  return n;
}
#endif

auto bound = gil::entry<&work>;
