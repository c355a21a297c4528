// The twin of ../refused/entry_without_a_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int work(gil::Held& /*held*/, int n) {
  return n;
}

auto bound = gil::entry<&work>;
