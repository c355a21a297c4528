// The token of the outer scope, used without a capture.
// SPDX-License-Identifier: Apache-2.0
// expect: not captured | cannot be implicitly captured
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

void work(gil::Held& held) {
  gil::release(held, [] { gil::release(held, [] {}); });
}
