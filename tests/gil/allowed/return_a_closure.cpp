// The twin of ../refused/return_a_closure.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int work(gil::Held& held) {
  const auto closure = gil::release(held, [](int) { return [] { return 1; }; }, 1);
  return closure();
}
