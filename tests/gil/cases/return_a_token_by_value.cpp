// A function that hands out a token.
// SPDX-License-Identifier: Apache-2.0
// expect: deleted
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
gil::Held& same(gil::Held& held) {
  return held;
}
#else
gil::Held steal(gil::Held& held) {
  return held;
}
#endif
