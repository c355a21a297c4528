// The twin of ../refused/copy_a_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
  gil::Held& same = held;
  (void)same;
}
