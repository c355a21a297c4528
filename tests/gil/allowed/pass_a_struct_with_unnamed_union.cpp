// The twin of ../refused/pass_a_struct_with_unnamed_union.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Value {
  int kind;
  double number;
};

void work(gil::Held& held, const Value& a) {
  gil::release(held, [](const Value& b) { (void)b; }, a);
}
