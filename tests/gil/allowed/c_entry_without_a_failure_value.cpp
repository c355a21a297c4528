// The twin of ../refused/c_entry_without_a_failure_value.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

int work(gil::Held& /*held*/) {
  return 1;
}

auto bound = gil::c_entry<&work>;
