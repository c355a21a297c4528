// The twin of ../refused/pass_coroutine_handle.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held, const int& a) {
  gil::release(held, [](const int& b) { (void)b; }, a);
}
