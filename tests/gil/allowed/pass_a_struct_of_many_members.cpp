// The twin of ../refused/pass_a_struct_of_many_members.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Job {
  int a, b, c, d, e, f, g, h, i, j, k, l;
};

void work(gil::Held& held, const Job& a) {
  gil::release(held, [](const Job& b) { (void)b; }, a);
}
