// A type that is only declared.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
struct Job {
  int id;
};
#else
struct Job;
#endif

void work(gil::Held& held, const Job* a) {
  gil::release(held, [](const Job* b) { (void)b; }, a);
}
