// The twin of ../refused/release_what_cannot_be_called.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int work(gil::Held& held) {
  return gil::release(held, [](int a, int b) { return a + b; }, 1, 2);
}
