// The twin of ../refused/pass_token_pointer.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, double* a) {
  gil::release(held, [](double* b) { (void)b; }, a);
}
