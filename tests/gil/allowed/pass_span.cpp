// The twin of ../refused/pass_span.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <span>

namespace gil = freshframe::gil;

void work(gil::Held& held, const std::span<gil::Ref>& a) {
  gil::release(held, [](const std::span<gil::Ref>& b) { (void)b; }, a);
}
