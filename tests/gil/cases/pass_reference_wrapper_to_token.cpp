// A token by way of std::ref.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a GIL token
#include "freshframe/gil.hpp"

#include <functional>

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, const std::reference_wrapper<double>& a) {
  gil::release(held, [](const std::reference_wrapper<double>& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::reference_wrapper<gil::Held>& a) {
  gil::release(held, [](const std::reference_wrapper<gil::Held>& b) { (void)b; }, a);
}
#endif
