// The twin of ../refused/pass_pointer_to_pyobjects.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, double const* a) {
  gil::release(held, [](double const* b) { (void)b; }, a);
}
