// A std::any may be an object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

#include <any>

namespace gil = freshframe::gil;

void work(gil::Held& held, const std::any& a) {
  gil::release(held, [](const std::any& b) { (void)b; }, a);
}
