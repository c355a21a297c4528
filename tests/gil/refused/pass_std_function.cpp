// A std::function may hold captures.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a std::function, or a function of Python objects
#include "freshframe/gil.hpp"

#include <functional>

namespace gil = freshframe::gil;

using Function = std::function<int()>;

void work(gil::Held& held, Function a) {
  gil::release(held, [](Function b) { (void)b; }, a);
}
