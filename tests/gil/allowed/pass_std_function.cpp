// The twin of ../refused/pass_std_function.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

using Function = int (*)();

void work(gil::Held& held, Function a) {
  gil::release(held, [](Function b) { (void)b; }, a);
}
