// A bound function without a token.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::entry: the function must take gil::Held& or gil::Released& as its first parameter
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int work(int n) {
  return n;
}

auto bound = gil::entry<&work>;
