// The twin of ../refused/pass_a_function_of_objects.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

using Function = double (*)(double);

void work(gil::Held& held, Function function) {
  gil::release(held, [](Function f) { (void)f(1.0); }, function);
}
