// The token of the outer scope, captured.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: the function captures something
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
#ifdef FIXED
  gil::release(held, [] {});
  gil::release(held, [] {});
#else
  gil::release(held, [&held] { gil::release(held, [] {}); });
#endif
}
