// A std::any may be an object.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

#include <any>
#include <variant>

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, const std::variant<int, double>& a) {
  gil::release(held, [](const std::variant<int, double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::any& a) {
  gil::release(held, [](const std::any& b) { (void)b; }, a);
}
#endif
