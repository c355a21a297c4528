// A std::function may hold captures.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a std::function, or a function of Python objects
#include "freshframe/gil.hpp"

#include <functional>

namespace gil = freshframe::gil;

#ifdef FIXED
using Function = int (*)();
#else
using Function = std::function<int()>;
#endif

void work(gil::Held& held, Function a) {
  gil::release(held, [](Function b) { (void)b; }, a);
}
