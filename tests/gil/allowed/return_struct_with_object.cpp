// The twin of ../refused/return_struct_with_object.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

struct Result {
  double value;
  gil::Ref label;
};

double work(gil::Held& held) {
  const Result result = gil::release(held, [] { return Result{1.0, {}}; });
  return result.value;
}
