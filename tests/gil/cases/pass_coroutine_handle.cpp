// A coroutine's frame may hold anything.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

#include <coroutine>

namespace gil = freshframe::gil;

#ifdef FIXED
void work(gil::Held& held, const int& a) {
  gil::release(held, [](const int& b) { (void)b; }, a);
}
#else
void work(gil::Held& held, const std::coroutine_handle<>& a) {
  gil::release(held, [](const std::coroutine_handle<>& b) { (void)b; }, a);
}
#endif
