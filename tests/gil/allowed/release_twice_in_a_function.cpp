// The twin of ../refused/release_twice_in_a_function.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int inner(gil::Released& /*released*/) {
  return 1;
}

int outer(gil::Held& held) {
  return gil::release(held, &inner);
}
