// The twin of ../refused/capture_a_number.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int work(gil::Held& held, int n) {
  return gil::release(held, [](int m) { return m + 1; }, n);
}
