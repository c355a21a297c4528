// The twin of ../refused/pass_a_union.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <variant>

namespace gil = freshframe::gil;

using Value = std::variant<double, gil::Ref>;

void work(gil::Held& held, const Value& a) {
  gil::release(held, [](const Value& b) { (void)b; }, a);
}
