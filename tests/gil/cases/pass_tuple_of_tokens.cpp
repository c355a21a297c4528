// Tokens by way of a tuple of references.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a GIL token
#include "freshframe/gil.hpp"

#include <tuple>

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, const std::tuple<double&, int>& a) {
  gil::release(held, [](const std::tuple<double&, int>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::tuple<gil::Held&, int>& a) {
  gil::release(held, [](const std::tuple<gil::Held&, int>& b) { (void)b; }, a);
}
#endif
