// The twin of ../refused/pass_tuple_of_tokens.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <tuple>

namespace gil = freshframe::gil;

void work(gil::Held& held, const std::tuple<double&, int>& a) {
  gil::release(held, [](const std::tuple<double&, int>& b) { (void)b; }, a);
}
