// A stored exception may be the binding library's, which holds an object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

#include <exception>

namespace gil = freshframe::gil;

void work(gil::Held& held, const std::exception_ptr& a) {
  gil::release(held, [](const std::exception_ptr& b) { (void)b; }, a);
}
