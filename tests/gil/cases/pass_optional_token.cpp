// A token by way of an optional reference.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a GIL token
#include "freshframe/gil.hpp"

#include <functional>
#include <optional>

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, const std::optional<std::reference_wrapper<double>>& a) {
  gil::release(held, [](const std::optional<std::reference_wrapper<double>>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::optional<std::reference_wrapper<gil::Released>>& a) {
  gil::release(held, [](const std::optional<std::reference_wrapper<gil::Released>>& b) { (void)b; }, a);
}
#endif
