// The twin of ../refused/entry_of_a_method_without_a_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Job {
  int id = 0;
  int number(gil::Held& /*held*/) { return id; }
  int constant(gil::Held& /*held*/) const noexcept { return id; }
  int slow(gil::Released& /*released*/, int n) const { return id + n; }
};

int (*bound)(Job&) = gil::entry<&Job::number>;
int (*bound_constant)(const Job&) = gil::entry<&Job::constant>;
int (*bound_slow)(const Job&, int) = gil::entry<&Job::slow>;
