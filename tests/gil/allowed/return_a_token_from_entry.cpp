// The twin of ../refused/return_a_token_from_entry.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int work(gil::Held& /*held*/) {
  return 1;
}

auto bound = gil::entry<&work>;
