// A bound function returns its token.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::entry: the function returns a token
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

gil::Held& work(gil::Held& held) {
  return held;
}

auto bound = gil::entry<&work>;
