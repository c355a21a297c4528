// User data behind a void*.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a void*
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Job {
  int id;
#ifdef FIXED
  long* user;
#else
  void* user;
#endif
};

void work(gil::Held& held, const Job& a) {
  gil::release(held, [](const Job& b) { (void)b; }, a);
}
