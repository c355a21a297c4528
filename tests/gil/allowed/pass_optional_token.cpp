// The twin of ../refused/pass_optional_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <functional>
#include <optional>

namespace gil = freshframe::gil;

void work(gil::Held& held, const std::optional<std::reference_wrapper<double>>& a) {
  gil::release(held, [](const std::optional<std::reference_wrapper<double>>& b) { (void)b; }, a);
}
