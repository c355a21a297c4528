// A function of the C API whose result cannot say that it failed.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::c_entry: a failure is reported as nullptr or -1
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
int work(gil::Held& /*held*/) {
  return 1;
}
#else
unsigned work(gil::Held& /*held*/) {
  return 1;
}
#endif

auto bound = gil::c_entry<&work>;
