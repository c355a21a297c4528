// A std::function may hold captures.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the function captures something
#include "freshframe/gil.hpp"

#include <functional>

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, void (*function)()) {
  gil::release(held, function);
}
#else
void work(gil::Held& held, const std::function<void()>& function) {
  gil::release(held, function);
}
#endif
