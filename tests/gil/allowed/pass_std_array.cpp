// The twin of ../refused/pass_std_array.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <array>

namespace gil = freshframe::gil;

void work(gil::Held& held, const std::array<gil::Ref, 2>& a) {
  gil::release(held, [](const std::array<gil::Ref, 2>& b) { (void)b; }, a);
}
