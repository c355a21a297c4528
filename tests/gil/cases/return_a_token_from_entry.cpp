// A bound function returns its token.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::entry: the function returns a token
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
int work(gil::Held& /*held*/) {
  return 1;
}
#else
gil::Held& work(gil::Held& held) {
  return held;
}
#endif

auto bound = gil::entry<&work>;
