// The twin of ../refused/pass_optional.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <optional>

namespace gil = freshframe::gil;

void work(gil::Held& held, const std::optional<double>& a) {
  gil::release(held, [](const std::optional<double>& b) { (void)b; }, a);
}
