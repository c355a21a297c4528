// The twin of ../refused/pass_an_incomplete_type.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Job {
  int id;
};

void work(gil::Held& held, const Job* a) {
  gil::release(held, [](const Job* b) { (void)b; }, a);
}
