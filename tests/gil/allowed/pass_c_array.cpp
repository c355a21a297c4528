// The twin of ../refused/pass_c_array.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

using X = gil::Ref[2];

void work(gil::Held& held, X& a) {
  gil::release(held, [](X& b) { (void)b; }, a);
}
