// A bound method without a token.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::entry: the function must take gil::Held& or gil::Released& as its first parameter
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Job {
  int id = 0;
  int number() { return id; }
};

auto bound = gil::entry<&Job::number>;
