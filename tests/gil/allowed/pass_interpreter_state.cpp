// The twin of ../refused/pass_interpreter_state.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, int a) {
  gil::release(held, [](int b) { (void)b; }, a);
}
