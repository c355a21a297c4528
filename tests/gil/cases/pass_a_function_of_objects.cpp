// A function of the C API.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a std::function, or a function of Python objects
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
using Function = double (*)(double);

void work(gil::Held& held, Function function) {
  gil::release(held, [](Function f) { (void)f(1.0); }, function);
}
#else
void work(gil::Held& held, PyCFunction function) {
  gil::release(held, [](PyCFunction f) { (void)f; }, function);
}
#endif
