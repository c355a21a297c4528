// A function of the C API.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a std::function, or a function of Python objects
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, PyCFunction function) {
  gil::release(held, [](PyCFunction f) { (void)f; }, function);
}
