// The twin of ../refused/pass_unordered_map.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <unordered_map>

namespace gil = freshframe::gil;

using Map = std::unordered_map<int, gil::Ref>;

void work(gil::Held& held, const Map& a) {
  gil::release(held, [](const Map& b) { (void)b; }, a);
}
