// The twin of ../refused/pass_vector.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <vector>

namespace gil = freshframe::gil;

void work(gil::Held& held, const std::vector<gil::Ref>& a) {
  gil::release(held, [](const std::vector<gil::Ref>& b) { (void)b; }, a);
}
