// The twin of ../refused/pass_struct_with_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Scope {
  int depth;
  double* values;
};

void work(gil::Held& held, const Scope& a) {
  gil::release(held, [](const Scope& b) { (void)b; }, a);
}
