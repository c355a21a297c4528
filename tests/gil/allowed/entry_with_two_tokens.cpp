// The twin of ../refused/entry_with_two_tokens.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int work(gil::Held& /*held*/, int n) {
  return n;
}

auto bound = gil::entry<&work>;
