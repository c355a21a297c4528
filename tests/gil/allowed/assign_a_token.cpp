// The twin of ../refused/assign_a_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, int& other) {
  other = gil::release(held, [] { return 1; });
}
