// The twin of ../refused/release_a_bound_function.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int next(int n) {
  return n + 1;
}

int work(gil::Held& held, int n) {
  return gil::release(held, &next, n);
}
