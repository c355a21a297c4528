// The twin of ../refused/pass_any.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <variant>

namespace gil = freshframe::gil;

void work(gil::Held& held, const std::variant<int, double>& a) {
  gil::release(held, [](const std::variant<int, double>& b) { (void)b; }, a);
}
