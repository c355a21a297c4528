// The twin of ../refused/pass_pair.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <utility>

namespace gil = freshframe::gil;

using Pair = std::pair<int, double>;

void work(gil::Held& held, const Pair& a) {
  gil::release(held, [](const Pair& b) { (void)b; }, a);
}
