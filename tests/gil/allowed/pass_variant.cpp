// The twin of ../refused/pass_variant.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <variant>

namespace gil = freshframe::gil;

using Variant = std::variant<int, gil::Ref>;

void work(gil::Held& held, const Variant& a) {
  gil::release(held, [](const Variant& b) { (void)b; }, a);
}
