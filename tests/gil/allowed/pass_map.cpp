// The twin of ../refused/pass_map.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <map>
#include <string>

namespace gil = freshframe::gil;

using Map = std::map<std::string, gil::Ref>;

void work(gil::Held& held, const Map& a) {
  gil::release(held, [](const Map& b) { (void)b; }, a);
}
