// A bound method without a token.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::entry: the function must take gil::Held& or gil::Released& as its first parameter
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
struct Job {
  int id = 0;
  int number(gil::Held& /*held*/) { return id; }
  int constant(gil::Held& /*held*/) const noexcept { return id; }
  int slow(gil::Released& /*released*/, int n) const { return id + n; }
};

int (*bound)(Job&) = gil::entry<&Job::number>;
int (*bound_constant)(const Job&) = gil::entry<&Job::constant>;
int (*bound_slow)(const Job&, int) = gil::entry<&Job::slow>;
#else
struct Job {
  int id = 0;
  int number() { return id; }
};

auto bound = gil::entry<&Job::number>;
#endif
